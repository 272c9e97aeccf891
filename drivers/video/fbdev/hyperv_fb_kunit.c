// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for the Hyper-V framebuffer driver. Included by hyperv_fb.c.
 *
 * The driver runs unchanged against a host that is made here: a kernel thread at
 * the other end of real VMBus ring buffers, which speaks the synthetic-video
 * protocol and receives the picture as a real host does. It reads the video
 * memory at the guest physical address that it was told, and of that only what
 * the driver reports as dirty. So a test compares what user space has written
 * with what the host shows.
 *
 * The ring never wants a hypercall: the host masks the guest's interrupts and
 * polls, and to interrupt the guest it schedules the channel's tasklet.
 */

#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/cma.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/initrd.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/kdev_t.h>
#include <linux/kthread.h>
#include <linux/major.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/moduleparam.h>
#include <linux/pseudo_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vt_kern.h>

#include <asm/mshyperv.h>

#include "../../hv/hyperv_vmbus.h"
#include "../../../lib/tests/fault_kunit.h"

#undef vmbus_open
#undef vmbus_close
#undef vmbus_allocate_mmio
#undef vmbus_free_mmio
#undef pci_get_device
#undef efi_enabled

#define HVFB_TEST_MAGIC		0x68766b75	/* "hvku" */
/* How long to wait for what other threads do at once on an idle machine. */
#define HVFB_TEST_WAIT		(20 * HZ)
/* Video memory outside of Linux's memory, in slots for several devices. */
#define HVFB_TEST_MMIO_SIZE	SZ_32M
#define HVFB_TEST_SLOT_SIZE	SZ_8M
#define HVFB_TEST_SLOTS		(HVFB_TEST_MMIO_SIZE / HVFB_TEST_SLOT_SIZE)

#define HVFB_TEST_BPP		4
#define PROT_RDWR		(PROT_READ | PROT_WRITE)

static ulong hvfb_test_mmio;
module_param_named(kunit_mmio, hvfb_test_mmio, ulong, 0);
MODULE_PARM_DESC(kunit_mmio,
		 "Physical address of 32 MiB that memmap= has reserved for the KUnit suite");

static bool hvfb_test_kept;
module_param_named(kunit_host, hvfb_test_kept, bool, 0);
MODULE_PARM_DESC(kunit_host,
		 "Instead of tests, a Generation 1 host that stays, for user space to draw on");

/*
 * The host
 */

struct hvfb_test_host;

struct hvfb_test_params {
	u32 vmbus_version;
	bool gen2;
	bool no_pci;		/* no PCI video device to be found */
	u16 megabytes;		/* of video memory */
	u16 width;		/* default resolution */
	u16 height;
	bool refuse_win8;
	bool refuse_win10;
	bool quiet;		/* does not ask for updates */

	/* Called for each message first. Returns true if that was all. */
	bool (*reply)(struct hvfb_test_host *host, const struct synthvid_msg *msg);
	/* Called when the driver closes the channel, before anything else. */
	void (*on_close)(struct hvfb_test_host *host);
	/* For the two. */
	u32 what;
	unsigned long addr;
	unsigned long buffer;
	struct file *file;
};

/* The device outlives the host's end if somebody holds a reference. */
struct hvfb_test_dev {
	struct hv_device hdev;
	struct vmbus_channel channel;
	struct hvfb_test_host *host;
};

struct hvfb_test_host {
	struct kunit *test;
	struct hvfb_test_params params;
	struct hvfb_test_dev *dev;
	struct task_struct *thread;
	struct completion released;
	bool added, dropped;
	int probe_ret;

	struct mutex lock;	/* protects what follows, and the host's ends of the rings */
	bool opened;
	bool asked;		/* for updates */
	unsigned int opens, closes;
	u32 versions[4];	/* that the driver asked for */
	unsigned int nversions;
	unsigned int resolution_requests;
	unsigned int unknown;	/* messages that make no sense */
	unsigned int situs;
	unsigned int dirts;	/* rectangles since hvfb_test_forget() */
	unsigned int bad_dirts;	/* empty, inverted, not on the screen: ever */
	struct rect dirt;	/* all of them */
	struct video_output_situation situ;
	u64 gpa;
	u8 *vram;		/* what is there */
	u8 *screen;		/* what the host shows */
	size_t screen_size;
};

/* Probe looks for hardware on behalf of this one. */
static struct hvfb_test_host *hvfb_test_probing;

static const struct bus_type hvfb_test_bus;

static struct hvfb_test_dev *hvfb_test_dev_of(struct vmbus_channel *channel)
{
	if (channel->device_obj->device.bus != &hvfb_test_bus)
		return NULL;

	return container_of(channel, struct hvfb_test_dev, channel);
}

/* A message to the driver, of any length. Caller holds the lock. */
static void hvfb_test_send_bytes(struct hvfb_test_host *host, const void *data, u32 len)
{
	struct vmbus_channel *channel = &host->dev->channel;
	struct hv_ring_buffer *ring = channel->inbound.ring_buffer;
	u32 size = channel->inbound.ring_datasize;
	u32 padded = ALIGN(len, sizeof(u64));
	u32 at = ring->write_index;
	struct vmpacket_descriptor desc = {
		.type = VM_PKT_DATA_INBAND,
		.offset8 = sizeof(desc) >> 3,
		.len8 = (sizeof(desc) + padded) >> 3,
	};

	/* The ring is mapped twice in a row, so nothing has to be split. */
	memcpy(ring->buffer + at, &desc, sizeof(desc));
	memset(ring->buffer + at + sizeof(desc), 0, padded);
	memcpy(ring->buffer + at + sizeof(desc), data, len);
	/* The message is complete before the driver can see it. */
	smp_store_release(&ring->write_index,
			  (at + sizeof(desc) + padded + sizeof(u64)) % size);

	tasklet_schedule(&channel->callback_event);
}

/* A message with a body of @len bytes. Caller holds the lock. */
static void hvfb_test_send(struct hvfb_test_host *host, struct synthvid_msg *msg, u32 type,
			   u32 len)
{
	msg->pipe_hdr.type = PIPE_MSG_DATA;
	msg->pipe_hdr.size = sizeof(msg->vid_hdr) + len;
	msg->vid_hdr.type = type;
	msg->vid_hdr.size = sizeof(msg->vid_hdr) + len;

	hvfb_test_send_bytes(host, msg, offsetofend(struct synthvid_msg, vid_hdr) + len);
}

static void hvfb_test_send_version(struct hvfb_test_host *host, u32 version, bool accepted)
{
	struct synthvid_msg msg = {};

	msg.ver_resp.version = version;
	msg.ver_resp.is_accepted = accepted;
	msg.ver_resp.max_video_outputs = 1;
	hvfb_test_send(host, &msg, SYNTHVID_VERSION_RESPONSE, sizeof(msg.ver_resp));
}

static void hvfb_test_send_resolution(struct hvfb_test_host *host, u16 width, u16 height)
{
	struct synthvid_msg msg = {};

	/* The default is not the first one. */
	msg.resolution_resp.resolution_count = 2;
	msg.resolution_resp.default_resolution_index = 1;
	msg.resolution_resp.supported_resolution[0].width = 640;
	msg.resolution_resp.supported_resolution[0].height = 480;
	msg.resolution_resp.supported_resolution[1].width = width;
	msg.resolution_resp.supported_resolution[1].height = height;
	hvfb_test_send(host, &msg, SYNTHVID_RESOLUTION_RESPONSE, sizeof(msg.resolution_resp));
}

static void hvfb_test_send_ack(struct hvfb_test_host *host, u64 user_ctx)
{
	struct synthvid_msg msg = {};

	msg.vram_ack.user_ctx = user_ctx;
	hvfb_test_send(host, &msg, SYNTHVID_VRAM_LOCATION_ACK, sizeof(msg.vram_ack));
}

static void hvfb_test_send_feature(struct hvfb_test_host *host, bool dirt)
{
	struct synthvid_msg msg = {};

	msg.feature_chg.is_dirt_needed = dirt;
	msg.feature_chg.is_ptr_pos_needed = 1;
	msg.feature_chg.is_ptr_shape_needed = 1;
	msg.feature_chg.is_situ_needed = 1;
	hvfb_test_send(host, &msg, SYNTHVID_FEATURE_CHANGE, sizeof(msg.feature_chg));
}

/* Takes over a part of the picture. */
static void hvfb_test_dirt(struct hvfb_test_host *host, const struct rect *rect)
{
	const struct video_output_situation *situ = &host->situ;
	s32 y;

	if (rect->x1 < 0 || rect->y1 < 0 || rect->x1 >= rect->x2 || rect->y1 >= rect->y2 ||
	    rect->x2 > situ->width_pixels || rect->y2 > situ->height_pixels ||
	    !host->vram || !host->screen) {
		pr_err("test host: rectangle %d,%d to %d,%d of a screen of %ux%u\n", rect->x1,
		       rect->y1, rect->x2, rect->y2, situ->width_pixels, situ->height_pixels);
		host->bad_dirts++;
		return;
	}

	for (y = rect->y1; y < rect->y2; y++)
		memcpy(host->screen + y * situ->pitch_bytes + rect->x1 * HVFB_TEST_BPP,
		       host->vram + y * situ->pitch_bytes + rect->x1 * HVFB_TEST_BPP,
		       (rect->x2 - rect->x1) * HVFB_TEST_BPP);

	if (!host->dirts++) {
		host->dirt = *rect;
		return;
	}
	host->dirt.x1 = min(host->dirt.x1, rect->x1);
	host->dirt.y1 = min(host->dirt.y1, rect->y1);
	host->dirt.x2 = max(host->dirt.x2, rect->x2);
	host->dirt.y2 = max(host->dirt.y2, rect->y2);
}

static void hvfb_test_situ(struct hvfb_test_host *host, const struct synthvid_msg *msg)
{
	const struct video_output_situation *situ = &msg->situ.video_output[0];
	size_t size = (size_t)situ->pitch_bytes * situ->height_pixels;

	host->situs++;
	if (msg->situ.video_output_count != 1 || !situ->active || situ->vram_offset ||
	    situ->depth_bits != 8 * HVFB_TEST_BPP ||
	    situ->pitch_bytes < situ->width_pixels * HVFB_TEST_BPP ||
	    size > (size_t)host->params.megabytes * SZ_1M) {
		host->unknown++;
		return;
	}

	host->situ = *situ;
	if (size > host->screen_size) {
		vfree(host->screen);
		host->screen = vzalloc(size);
		host->screen_size = host->screen ? size : 0;
	}
	if (!host->asked && !host->params.quiet) {
		host->asked = true;
		hvfb_test_send_feature(host, true);
	}
}

static void hvfb_test_message(struct hvfb_test_host *host, const struct synthvid_msg *msg)
{
	bool win8;
	unsigned int i;

	switch (msg->vid_hdr.type) {
	case SYNTHVID_VERSION_REQUEST:
		if (host->nversions < ARRAY_SIZE(host->versions))
			host->versions[host->nversions++] = msg->ver_req.version;
		break;
	case SYNTHVID_RESOLUTION_REQUEST:
		host->resolution_requests++;
		break;
	case SYNTHVID_VRAM_LOCATION:
		host->gpa = msg->vram.vram_gpa;
		if (host->vram)
			memunmap(host->vram);
		host->vram = memremap(host->gpa, (size_t)host->params.megabytes * SZ_1M,
				      MEMREMAP_WB);
		break;
	}

	if (host->params.reply && host->params.reply(host, msg))
		return;

	switch (msg->vid_hdr.type) {
	case SYNTHVID_VERSION_REQUEST:
		win8 = msg->ver_req.version == SYNTHVID_VERSION_WIN8;
		hvfb_test_send_version(host, msg->ver_req.version,
				       win8 ? !host->params.refuse_win8 :
				       !host->params.refuse_win10);
		break;
	case SYNTHVID_RESOLUTION_REQUEST:
		hvfb_test_send_resolution(host, host->params.width, host->params.height);
		break;
	case SYNTHVID_VRAM_LOCATION:
		hvfb_test_send_ack(host, msg->vram.user_ctx);
		break;
	case SYNTHVID_SITUATION_UPDATE:
		hvfb_test_situ(host, msg);
		break;
	case SYNTHVID_POINTER_POSITION:
	case SYNTHVID_POINTER_SHAPE:
		break;
	case SYNTHVID_DIRT:
		if (msg->dirt.dirt_count != 1)
			host->unknown++;
		for (i = 0; i < min_t(u32, msg->dirt.dirt_count, 1); i++)
			hvfb_test_dirt(host, &msg->dirt.rect[i]);
		break;
	default:
		host->unknown++;
		break;
	}
}

/* Takes what the driver has sent. Caller holds the lock. */
static void hvfb_test_receive(struct hvfb_test_host *host)
{
	const struct vmpacket_descriptor *desc;
	struct hv_ring_buffer_info *rbi;
	struct hv_ring_buffer *ring;
	struct synthvid_msg msg;
	u32 at, len, offset;

	if (!host->opened)
		return;
	rbi = &host->dev->channel.outbound;
	ring = rbi->ring_buffer;
	/* Pairs with the barrier in hv_ringbuffer_write(). */
	while ((at = ring->read_index) != smp_load_acquire(&ring->write_index)) {
		desc = (void *)(ring->buffer + at);
		offset = desc->offset8 << 3;
		len = (desc->len8 << 3) - offset;

		memset(&msg, 0, sizeof(msg));
		memcpy(&msg, (const char *)desc + offset, min_t(u32, len, sizeof(msg)));
		/* The driver may write over the message from here on. */
		smp_store_release(&ring->read_index,
				  (at + offset + len + sizeof(u64)) % rbi->ring_datasize);

		if (msg.pipe_hdr.type != PIPE_MSG_DATA ||
		    msg.pipe_hdr.size != msg.vid_hdr.size ||
		    ALIGN(msg.pipe_hdr.size + sizeof(msg.pipe_hdr), sizeof(u64)) != len)
			host->unknown++;
		else
			hvfb_test_message(host, &msg);
	}
}

static void hvfb_test_poll(struct hvfb_test_host *host)
{
	mutex_lock(&host->lock);
	hvfb_test_receive(host);
	mutex_unlock(&host->lock);
}

static int hvfb_test_thread(void *data)
{
	while (!kthread_should_stop()) {
		hvfb_test_poll(data);
		usleep_range(500, 1000);
	}

	return 0;
}

/*
 * What the driver calls instead of VMBus
 */

static int hvfb_test_vmbus_open(struct vmbus_channel *channel, u32 send_size, u32 recv_size,
				void *userdata, u32 userdatalen,
				void (*callback)(void *context), void *context)
{
	struct hvfb_test_dev *dev = hvfb_test_dev_of(channel);
	struct hvfb_test_host *host;
	u32 send_pages;
	int ret;

	if (!dev)
		return vmbus_open(channel, send_size, recv_size, userdata, userdatalen, callback,
				  context);

	host = dev->host;
	ret = vmbus_alloc_ring(channel, send_size, recv_size);
	if (ret)
		return ret;

	if (!channel->max_pkt_size)
		channel->max_pkt_size = VMBUS_DEFAULT_MAX_PKT_SIZE;
	send_pages = channel->ringbuffer_send_offset;
	ret = hv_ringbuffer_init(&channel->outbound, channel->ringbuffer_page, send_pages, 0);
	if (!ret)
		ret = hv_ringbuffer_init(&channel->inbound,
					 channel->ringbuffer_page + send_pages,
					 channel->ringbuffer_pagecount - send_pages,
					 channel->max_pkt_size);
	if (ret) {
		vmbus_free_ring(channel);
		return ret;
	}
	channel->outbound.ring_buffer->interrupt_mask = 1;
	channel->channel_callback_context = context;
	/* A tasklet that was scheduled before the last close may still come. */
	smp_store_release(&channel->onchannel_callback, callback);
	channel->state = CHANNEL_OPENED_STATE;

	mutex_lock(&host->lock);
	host->opened = true;
	host->asked = false;
	host->nversions = 0;
	host->opens++;
	mutex_unlock(&host->lock);

	return 0;
}

static void hvfb_test_vmbus_close(struct vmbus_channel *channel)
{
	struct hvfb_test_dev *dev = hvfb_test_dev_of(channel);
	struct hvfb_test_host *host;

	if (!dev) {
		vmbus_close(channel);
		return;
	}

	host = dev->host;
	if (host->params.on_close)
		host->params.on_close(host);

	vmbus_reset_channel_cb(channel);
	/* As VMBus does with a channel that is not open. */
	if (channel->state != CHANNEL_OPENED_STATE)
		return;
	channel->state = CHANNEL_OPEN_STATE;

	/* The host sees what was sent before. */
	mutex_lock(&host->lock);
	hvfb_test_receive(host);
	host->opened = false;
	host->closes++;
	if (host->vram)
		memunmap(host->vram);
	host->vram = NULL;
	mutex_unlock(&host->lock);

	vmbus_free_ring(channel);
}

static DEFINE_SPINLOCK(hvfb_test_slots_lock);
static struct resource hvfb_test_slots[HVFB_TEST_SLOTS]; /* those in use have an end */
static unsigned int hvfb_test_bad_frees;

static int hvfb_test_vmbus_allocate_mmio(struct resource **new, struct hv_device *hdev,
					 resource_size_t min, resource_size_t max,
					 resource_size_t size, resource_size_t align,
					 bool fb_overlap_ok)
{
	resource_size_t start = hvfb_test_mmio;
	int ret = -ENXIO;
	unsigned int i;

	if (hdev->device.bus != &hvfb_test_bus)
		return vmbus_allocate_mmio(new, hdev, min, max, size, align, fb_overlap_ok);

	if (!start || size > HVFB_TEST_SLOT_SIZE)
		return ret;

	spin_lock(&hvfb_test_slots_lock);
	for (i = 0; i < HVFB_TEST_SLOTS && ret; i++, start += HVFB_TEST_SLOT_SIZE) {
		if (hvfb_test_slots[i].end)
			continue;
		hvfb_test_slots[i] = DEFINE_RES_MEM_NAMED(start, size, "hvfb_test");
		*new = &hvfb_test_slots[i];
		ret = 0;
	}
	spin_unlock(&hvfb_test_slots_lock);

	return ret;
}

static void hvfb_test_vmbus_free_mmio(resource_size_t start, resource_size_t size)
{
	struct resource *res;

	if (!hvfb_test_mmio || start < hvfb_test_mmio ||
	    start >= hvfb_test_mmio + HVFB_TEST_MMIO_SIZE) {
		vmbus_free_mmio(start, size);
		return;
	}

	res = &hvfb_test_slots[(start - hvfb_test_mmio) / HVFB_TEST_SLOT_SIZE];
	spin_lock(&hvfb_test_slots_lock);
	if (!res->end || resource_size(res) != size)
		hvfb_test_bad_frees++;
	memset(res, 0, sizeof(*res));
	spin_unlock(&hvfb_test_slots_lock);
}

static unsigned int hvfb_test_slots_used(void)
{
	unsigned int i, used = 0;

	for (i = 0; i < HVFB_TEST_SLOTS; i++)
		used += !!hvfb_test_slots[i].end;

	return used;
}

/* Any PCI device will do: the driver wants to know which firmware uses it. */
static struct pci_dev *hvfb_test_pci_get_device(unsigned int vendor, unsigned int device,
						struct pci_dev *from)
{
	if (!hvfb_test_probing)
		return pci_get_device(vendor, device, from);
	if (hvfb_test_probing->params.no_pci)
		return NULL;

	return pci_get_device(PCI_ANY_ID, PCI_ANY_ID, from);
}

static bool hvfb_test_efi_enabled(int feature)
{
	if (!hvfb_test_probing)
		return efi_enabled(feature);

	return hvfb_test_probing->params.gen2;
}

/*
 * The bus
 */

static struct hvfb_test_dev *hvfb_test_to_dev(struct device *dev)
{
	return container_of(device_to_hv_device(dev), struct hvfb_test_dev, hdev);
}

static int hvfb_test_bus_probe(struct device *dev)
{
	struct hvfb_test_host *host = hvfb_test_to_dev(dev)->host;

	hvfb_test_probing = host;
	host->probe_ret = hvfb_drv.probe(device_to_hv_device(dev), &id_table[0]);
	hvfb_test_probing = NULL;

	return host->probe_ret;
}

static void hvfb_test_bus_remove(struct device *dev)
{
	hvfb_drv.remove(device_to_hv_device(dev));
}

static const struct bus_type hvfb_test_bus = {
	.name	= "hvfb_kunit",
	.probe	= hvfb_test_bus_probe,
	.remove	= hvfb_test_bus_remove,
};

static struct device_driver hvfb_test_drv = {
	.name		= "hvfb_kunit",
	.bus		= &hvfb_test_bus,
	.probe_type	= PROBE_FORCE_SYNCHRONOUS,
};

static int hvfb_test_register(void)
{
	int ret = bus_register(&hvfb_test_bus);

	if (ret)
		return ret;
	ret = driver_register(&hvfb_test_drv);
	if (ret)
		bus_unregister(&hvfb_test_bus);

	return ret;
}

static void hvfb_test_unregister(void)
{
	driver_unregister(&hvfb_test_drv);
	bus_unregister(&hvfb_test_bus);
}

/* Real video devices go by their instance; these are numbered. */
static atomic_t hvfb_test_devices;

static void hvfb_test_dev_release(struct device *device)
{
	struct hvfb_test_dev *dev = hvfb_test_to_dev(device);

	tasklet_kill(&dev->channel.callback_event);
	complete(&dev->host->released);
	kfree(dev);
}

static struct hvfb_test_dev *hvfb_test_dev_alloc(struct hvfb_test_host *host)
{
	struct hvfb_test_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	struct vmbus_channel *channel;
	struct device *device;

	if (!dev)
		return NULL;

	channel = &dev->channel;
	dev->host = host;
	dev->hdev.channel = channel;
	channel->device_obj = &dev->hdev;
	channel->offermsg.offer.mmio_megabytes = host->params.megabytes;
	channel->callback_mode = HV_CALL_BATCHED;
	channel->state = CHANNEL_OPEN_STATE;
	spin_lock_init(&channel->sched_lock);
	INIT_LIST_HEAD(&channel->sc_list);
	hv_ringbuffer_pre_init(channel);
	tasklet_init(&channel->callback_event, vmbus_on_event, (unsigned long)channel);

	/* What vmbus_device_register() sets. */
	device = &dev->hdev.device;
	device_initialize(device);
	device->bus = &hvfb_test_bus;
	device->release = hvfb_test_dev_release;
	device->dma_parms = &dev->hdev.dma_parms;
	device->dma_mask = &dev->hdev.dma_mask;
	dma_set_mask(device, DMA_BIT_MASK(64));
	dev_set_name(device, "hvfb_kunit%d", atomic_inc_return(&hvfb_test_devices));

	return dev;
}

/* Returns what probe returns. */
static int hvfb_test_bind(struct hvfb_test_host *host)
{
	struct device *device = &host->dev->hdev.device;
	int ret;

	/* As it is reported with each offer of the host. */
	host->dev->channel.offermsg.offer.mmio_megabytes = host->params.megabytes;
	if (host->params.vmbus_version)
		vmbus_proto_version = host->params.vmbus_version;

	if (host->added) {
		ret = device_attach(device);
	} else {
		ret = device_add(device);
		host->added = !ret;
	}
	if (ret < 0)
		return ret;

	return host->probe_ret;
}

static void hvfb_test_unbind(struct hvfb_test_host *host)
{
	device_release_driver(&host->dev->hdev.device);
}

static bool hvfb_test_bound(struct hvfb_test_host *host)
{
	return host->dev->hdev.device.driver;
}

/* Takes the device away. */
static void hvfb_test_drop(struct hvfb_test_host *host)
{
	if (host->dropped)
		return;
	host->dropped = true;
	if (host->added)
		device_del(&host->dev->hdev.device);
	put_device(&host->dev->hdev.device);
}

static void hvfb_test_host_destroy(void *data)
{
	struct hvfb_test_host *host = data;

	/* What kernel threads close is closed later. */
	flush_delayed_fput();
	hvfb_test_drop(host);
	kthread_stop(host->thread);
	if (!wait_for_completion_timeout(&host->released, HVFB_TEST_WAIT)) {
		/* Better a leak than a use after free by whoever it is. */
		KUNIT_FAIL(host->test, "somebody still holds a reference to the device");
		return;
	}
	KUNIT_EXPECT_EQ(host->test, host->opens, host->closes);
	KUNIT_EXPECT_EQ(host->test, host->unknown, 0);
	KUNIT_EXPECT_EQ(host->test, host->bad_dirts, 0);
	vfree(host->screen);
	kfree(host);
}

/* A host with a device that is not bound yet, or an ERR_PTR(). */
static struct hvfb_test_host *hvfb_test_host_create(struct hvfb_test_params params)
{
	struct hvfb_test_host *host = kzalloc(sizeof(*host), GFP_KERNEL);
	struct task_struct *thread;

	if (!host)
		return ERR_PTR(-ENOMEM);
	if (!params.vmbus_version)
		params.vmbus_version = VERSION_WIN10;
	if (!params.width) {
		params.width = 800;
		params.height = 600;
	}
	if (!params.megabytes)
		params.megabytes = 4;
	host->params = params;
	mutex_init(&host->lock);
	init_completion(&host->released);
	host->dev = hvfb_test_dev_alloc(host);
	if (!host->dev) {
		kfree(host);
		return ERR_PTR(-ENOMEM);
	}
	thread = kthread_run(hvfb_test_thread, host, "hvfb_kunit");
	if (IS_ERR(thread)) {
		put_device(&host->dev->hdev.device);
		kfree(host);
		return ERR_CAST(thread);
	}
	host->thread = thread;

	return host;
}

static struct hvfb_test_host *__hvfb_test_host(struct kunit *test, struct hvfb_test_params params)
{
	struct hvfb_test_host *host = hvfb_test_host_create(params);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, host);
	host->test = test;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, hvfb_test_host_destroy, host), 0);

	return host;
}

#define hvfb_test_host(test, ...) \
	__hvfb_test_host(test, (struct hvfb_test_params){ __VA_ARGS__ })

/*
 * Device nodes
 *
 * Built-in suites run before there is a /dev. Each open goes through a node of
 * its own, on a file system of our own, to the driver of the character device.
 */

static struct vfsmount *hvfb_test_mnt;

static int hvfb_test_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, HVFB_TEST_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type hvfb_test_fs_type = {
	.name		 = "hvfb_kunit",
	.owner		 = THIS_MODULE,
	.init_fs_context = hvfb_test_init_fs_context,
	.kill_sb	 = kill_anon_super,
};

static u32 hvfb_test_vmbus_version;

/* A real one, or the one that stays. */
static bool hvfb_test_has_host(void)
{
	return hv_is_hyperv_initialized() || hvfb_test_kept;
}

static int hvfb_test_init(struct kunit *test)
{
	if (hvfb_test_has_host())
		kunit_skip(test, "not on Hyper-V, nor with kunit_host=1");

	return 0;
}

static int hvfb_test_suite_init(struct kunit_suite *suite)
{
	int ret;

	if (hvfb_test_has_host())
		return 0;
	if (hvfb_test_mmio &&
	    region_intersects(hvfb_test_mmio, HVFB_TEST_MMIO_SIZE, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return -EINVAL;

	/* It takes memory, which the tests look at. */
	wait_for_initramfs();
	hvfb_test_vmbus_version = vmbus_proto_version;
	hvfb_test_mnt = kern_mount(&hvfb_test_fs_type);
	if (IS_ERR(hvfb_test_mnt))
		return PTR_ERR(hvfb_test_mnt);
	ret = hvfb_test_register();
	if (ret) {
		kern_unmount(hvfb_test_mnt);
		hvfb_test_mnt = NULL;
	}

	return ret;
}

static void hvfb_test_suite_exit(struct kunit_suite *suite)
{
	if (IS_ERR_OR_NULL(hvfb_test_mnt))
		return;
	hvfb_test_unregister();
	kern_unmount(hvfb_test_mnt);
	vmbus_proto_version = hvfb_test_vmbus_version;
}

/* Closes now. fput() of a kernel thread would do so some time later. */
KUNIT_DEFINE_ACTION_WRAPPER(hvfb_test_fput, __fput_sync, struct file *);

static struct file *hvfb_test_open_dev(struct kunit *test, dev_t dev)
{
	struct path path = { .mnt = hvfb_test_mnt };
	struct inode *inode = alloc_anon_inode(hvfb_test_mnt->mnt_sb);
	struct file *file;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, inode);
	init_special_inode(inode, S_IFCHR | 0600, dev);
	path.dentry = d_obtain_alias(inode); /* takes the inode, on errors, too */
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, path.dentry);
	file = dentry_open(&path, O_RDWR | O_NOCTTY, current_cred());
	dput(path.dentry);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, hvfb_test_fput, file), 0);

	return file;
}

static struct file *hvfb_test_open(struct kunit *test, int node)
{
	return hvfb_test_open_dev(test, MKDEV(FB_MAJOR, node));
}

static void hvfb_test_close(struct kunit *test, struct file *file)
{
	/* The VMAs' references, which munmap() in a kernel thread drops late. */
	flush_delayed_fput();
	kunit_release_action(test, hvfb_test_fput, file);
}

/*
 * Kinds of memory
 */

enum hvfb_test_kind {
	HVFB_TEST_ALLOC_PAGES,
	HVFB_TEST_CMA,
	HVFB_TEST_FALLBACK,
	HVFB_TEST_GEN2,
};

static const struct {
	const char *desc;
	u16 megabytes;
} hvfb_test_kinds[] = {
	[HVFB_TEST_ALLOC_PAGES] = { "Generation 1, alloc_pages", 4 },
	[HVFB_TEST_CMA] = { "Generation 1, CMA", 8 },
	[HVFB_TEST_FALLBACK] = { "Generation 1, MMIO", 8 },
	[HVFB_TEST_GEN2] = { "Generation 2", 8 },
};

static const enum hvfb_test_kind hvfb_test_all[] = {
	HVFB_TEST_ALLOC_PAGES, HVFB_TEST_CMA, HVFB_TEST_FALLBACK, HVFB_TEST_GEN2,
};

static const enum hvfb_test_kind hvfb_test_contiguous[] = {
	HVFB_TEST_ALLOC_PAGES, HVFB_TEST_CMA,
};

static void hvfb_test_get_desc(const enum hvfb_test_kind *kind, char *desc)
{
	strscpy(desc, hvfb_test_kinds[*kind].desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(hvfb_test_all, hvfb_test_all, hvfb_test_get_desc);
KUNIT_ARRAY_PARAM(hvfb_test_contiguous, hvfb_test_contiguous, hvfb_test_get_desc);

/* In video memory, with a copy in vmalloc() memory for user space. */
static bool hvfb_test_kind_is_mmio(enum hvfb_test_kind kind)
{
	return kind == HVFB_TEST_FALLBACK || kind == HVFB_TEST_GEN2;
}

struct hvfb_test_hog {
	struct device *dev;
	unsigned int n;
	struct page *pages[64];
	dma_addr_t handles[64];
};

#define HVFB_TEST_HOG_SIZE	SZ_8M

static void hvfb_test_hog_free(void *data)
{
	struct hvfb_test_hog *hog = data;

	while (hog->n--)
		dma_free_pages(hog->dev, HVFB_TEST_HOG_SIZE, hog->pages[hog->n],
			       hog->handles[hog->n], DMA_TO_DEVICE);
}

/* Takes all blocks of 8 MiB that CMA has. Returns how many those were. */
static unsigned int hvfb_test_hog(struct kunit *test)
{
	struct hvfb_test_hog *hog = kunit_kzalloc(test, sizeof(*hog), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hog);
	hog->dev = kunit_device_register(test, "hvfb_hog");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, hog->dev);
	KUNIT_ASSERT_EQ(test, dma_coerce_mask_and_coherent(hog->dev, DMA_BIT_MASK(64)), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, hvfb_test_hog_free, hog), 0);

	for (; hog->n < ARRAY_SIZE(hog->pages); hog->n++) {
		hog->pages[hog->n] = dma_alloc_pages(hog->dev, HVFB_TEST_HOG_SIZE,
						     &hog->handles[hog->n], DMA_TO_DEVICE,
						     GFP_KERNEL | __GFP_NOWARN);
		if (!hog->pages[hog->n])
			break;
	}

	return hog->n;
}

/*
 * Tests that need memory of this kind are skipped on a kernel that has not been
 * given it. For the fallback, what comes before it is taken.
 */
static void hvfb_test_need(struct kunit *test, enum hvfb_test_kind kind)
{
	if (hvfb_test_kind_is_mmio(kind) && !hvfb_test_mmio)
		kunit_skip(test, "no MMIO, see the command line in hyperv_fb.kunitconfig");
	if (kind == HVFB_TEST_CMA && !totalcma_pages)
		kunit_skip(test, "no CMA, see the command line in hyperv_fb.kunitconfig");
	if (kind == HVFB_TEST_FALLBACK)
		hvfb_test_hog(test);
}

static bool hvfb_test_is_mmio(struct hvfb_test_host *host)
{
	return host->gpa >= hvfb_test_mmio && host->gpa < hvfb_test_mmio + HVFB_TEST_MMIO_SIZE;
}

/*
 * Fixture: a host, a framebuffer of the wanted kind, and an open file
 */

/* Evaluates the condition until it is true. */
#define hvfb_test_wait(test, condition)						\
do {										\
	unsigned long __deadline = jiffies + HVFB_TEST_WAIT;			\
	bool __met;								\
										\
	while (!(__met = (condition)) && time_before(jiffies, __deadline))	\
		usleep_range(500, 1000);					\
	KUNIT_ASSERT_TRUE_MSG(test, __met, "not within 20 s: " #condition);	\
} while (0)

struct hvfb_test {
	struct hvfb_test_host *host;
	struct fb_info *info;
	struct file *file;
	bool mmio;
};

static struct hvfb_par *hvfb_test_par(struct hvfb_test *ctx)
{
	return ctx->info->par;
}

/* Binds the driver, which has to succeed, and opens its framebuffer. */
static void hvfb_test_start(struct kunit *test, struct hvfb_test *ctx)
{
	struct hvfb_test_host *host = ctx->host;

	KUNIT_ASSERT_EQ(test, hvfb_test_bind(host), 0);
	KUNIT_ASSERT_TRUE(test, hvfb_test_bound(host));
	ctx->info = hv_get_drvdata(&host->dev->hdev);
	KUNIT_ASSERT_NOT_NULL(test, ctx->info);
	if (!host->params.quiet)
		hvfb_test_wait(test, READ_ONCE(hvfb_test_par(ctx)->update));
	tasklet_unlock_wait(&host->dev->channel.callback_event);
	/* What the driver answered to that. */
	hvfb_test_poll(host);
	KUNIT_ASSERT_EQ(test, hvfb_test_is_mmio(host), ctx->mmio);
	ctx->file = hvfb_test_open(test, ctx->info->node);
}

static struct hvfb_test *__hvfb_test_setup(struct kunit *test, enum hvfb_test_kind kind,
					   struct hvfb_test_params params)
{
	struct hvfb_test *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	params.gen2 = kind == HVFB_TEST_GEN2;
	params.megabytes = hvfb_test_kinds[kind].megabytes;
	ctx->mmio = hvfb_test_kind_is_mmio(kind);
	hvfb_test_need(test, kind);
	ctx->host = __hvfb_test_host(test, params);
	hvfb_test_start(test, ctx);

	return ctx;
}

#define hvfb_test_setup(test, kind, ...) \
	__hvfb_test_setup(test, kind, (struct hvfb_test_params){ __VA_ARGS__ })

static struct hvfb_test *hvfb_test_setup_param(struct kunit *test)
{
	return hvfb_test_setup(test, *(const enum hvfb_test_kind *)test->param_value);
}

static unsigned long hvfb_test_npages(struct hvfb_test *ctx)
{
	return PFN_UP(ctx->info->fix.smem_len);
}

static unsigned long hvfb_test_map(struct kunit *test, struct hvfb_test *ctx)
{
	unsigned long addr = fault_kunit_mmap(test, ctx->file, 0, hvfb_test_npages(ctx),
					      PROT_RDWR, MAP_SHARED);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	return addr;
}

static void hvfb_test_unmap(struct kunit *test, struct hvfb_test *ctx, unsigned long addr,
			    unsigned long npages)
{
	KUNIT_ASSERT_EQ(test, vm_munmap(addr, npages << PAGE_SHIFT), 0);
}

/* Bytes that the screen shows; what lies behind is part of the mapping only. */
static unsigned long hvfb_test_visible(struct hvfb_test *ctx)
{
	return ctx->info->fix.line_length * ctx->info->var.yres;
}

static u32 hvfb_test_pixel(unsigned long offset, u32 seed)
{
	return (u32)offset * 2654435761U + seed;
}

/* One pixel of each page, at a place that differs from page to page. */
static unsigned long hvfb_test_place(unsigned long page)
{
	return (page << PAGE_SHIFT) + page * 52 % PAGE_SIZE;
}

static void hvfb_test_draw(struct kunit *test, struct hvfb_test *ctx, unsigned long addr,
			   unsigned long first, unsigned long last, u32 seed)
{
	unsigned long page, offset;

	for (page = first; page <= last; page++) {
		offset = hvfb_test_place(page);
		KUNIT_ASSERT_EQ(test, put_user(hvfb_test_pixel(offset, seed),
					       (u32 __user *)(addr + offset)), 0);
	}
}

/* Is what was drawn in the framebuffer? */
static void hvfb_test_expect_drawn(struct kunit *test, struct hvfb_test *ctx,
				   unsigned long first, unsigned long last, u32 seed)
{
	unsigned long page, offset, bad = 0;

	for (page = first; page <= last; page++) {
		offset = hvfb_test_place(page);
		bad += *(u32 *)(ctx->info->screen_buffer + offset) !=
		       hvfb_test_pixel(offset, seed);
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
}

/* The delayed work of drawing operations, now. */
static void hvfb_test_flush_drawing(struct hvfb_test *ctx)
{
	flush_delayed_work(&hvfb_test_par(ctx)->dwork);
	hvfb_test_poll(ctx->host);
}

/* fsync(), and what came of it at the host's end. */
static void hvfb_test_flush(struct kunit *test, struct hvfb_test *ctx)
{
	KUNIT_ASSERT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	hvfb_test_poll(ctx->host);
}

static void hvfb_test_forget(struct hvfb_test *ctx)
{
	hvfb_test_flush_drawing(ctx);
	mutex_lock(&ctx->host->lock);
	ctx->host->dirts = 0;
	mutex_unlock(&ctx->host->lock);
}

/* Does the host show the framebuffer as it is? Not KUNIT_EXPECT_MEMEQ(), which prints it. */
static void hvfb_test_expect_shown(struct kunit *test, struct hvfb_test *ctx)
{
	struct hvfb_test_host *host = ctx->host;

	mutex_lock(&host->lock);
	KUNIT_EXPECT_EQ(test, host->situ.width_pixels, ctx->info->var.xres);
	KUNIT_EXPECT_EQ(test, host->situ.height_pixels, ctx->info->var.yres);
	KUNIT_EXPECT_EQ(test, host->situ.pitch_bytes, ctx->info->fix.line_length);
	KUNIT_EXPECT_GE(test, host->screen_size, hvfb_test_visible(ctx));
	if (host->screen_size >= hvfb_test_visible(ctx))
		KUNIT_EXPECT_EQ(test, memcmp(host->screen, ctx->info->screen_buffer,
					     hvfb_test_visible(ctx)), 0);
	mutex_unlock(&host->lock);
}

/* The host has been told of these rows, all of their width, and of no others. */
static void hvfb_test_expect_rows(struct kunit *test, struct hvfb_test *ctx, s32 y1, s32 y2)
{
	struct hvfb_test_host *host = ctx->host;

	mutex_lock(&host->lock);
	/* More than one if the work ran while the test was drawing. */
	KUNIT_EXPECT_GE(test, host->dirts, 1);
	KUNIT_EXPECT_EQ(test, host->dirt.x1, 0);
	KUNIT_EXPECT_EQ(test, host->dirt.x2, ctx->info->var.xres);
	KUNIT_EXPECT_EQ(test, host->dirt.y1, y1);
	KUNIT_EXPECT_EQ(test, host->dirt.y2, y2);
	mutex_unlock(&host->lock);
}

/*
 * Negotiation
 */

struct hvfb_test_version {
	const char *desc;
	u32 vmbus;
	bool refuse_win10, refuse_win8;
	int ret;
	u32 versions[2];	/* that are asked for */
	bool resolution;	/* asked for, too */
};

static const struct hvfb_test_version hvfb_test_versions[] = {
	{ "VMBus 2.4", VERSION_WIN8, .versions = { SYNTHVID_VERSION_WIN8 } },
	{ "VMBus 3.0", VERSION_WIN8_1, .versions = { SYNTHVID_VERSION_WIN8 } },
	{ "VMBus 4.0", VERSION_WIN10, .versions = { SYNTHVID_VERSION_WIN10 },
	  .resolution = true },
	{ "VMBus 5.0", VERSION_WIN10_V5, .versions = { SYNTHVID_VERSION_WIN10 },
	  .resolution = true },
	{ "VMBus 5.3", VERSION_WIN10_V5_3, .versions = { SYNTHVID_VERSION_WIN10 },
	  .resolution = true },
	{ "VMBus 2.4, refused", VERSION_WIN8, .refuse_win8 = true, .ret = -ENODEV,
	  .versions = { SYNTHVID_VERSION_WIN8 } },
	{ "VMBus 4.0, 3.5 refused", VERSION_WIN10, .refuse_win10 = true,
	  .versions = { SYNTHVID_VERSION_WIN10, SYNTHVID_VERSION_WIN8 } },
	{ "VMBus 5.0, 3.5 refused", VERSION_WIN10_V5, .refuse_win10 = true,
	  .versions = { SYNTHVID_VERSION_WIN10, SYNTHVID_VERSION_WIN8 } },
	{ "VMBus 4.0, all refused", VERSION_WIN10, .refuse_win10 = true, .refuse_win8 = true,
	  .ret = -ENODEV, .versions = { SYNTHVID_VERSION_WIN10, SYNTHVID_VERSION_WIN8 } },
	{ "VMBus 5.3, 3.5 refused", VERSION_WIN10_V5_3, .refuse_win10 = true, .ret = -ENODEV,
	  .versions = { SYNTHVID_VERSION_WIN10 } },
};

KUNIT_ARRAY_PARAM_DESC(hvfb_test_versions, hvfb_test_versions, desc);

/* Each version that the driver knows, accepted and refused. */
static void test_version(struct kunit *test)
{
	const struct hvfb_test_version *v = test->param_value;
	struct hvfb_test_host *host = hvfb_test_host(test, .vmbus_version = v->vmbus,
						     .refuse_win10 = v->refuse_win10,
						     .refuse_win8 = v->refuse_win8);
	struct fb_info *info;

	KUNIT_ASSERT_EQ(test, hvfb_test_bind(host), v->ret);
	KUNIT_EXPECT_EQ(test, hvfb_test_bound(host), !v->ret);
	KUNIT_EXPECT_EQ(test, host->nversions, v->versions[1] ? 2 : 1);
	KUNIT_EXPECT_EQ(test, host->versions[0], v->versions[0]);
	KUNIT_EXPECT_EQ(test, host->versions[1], v->versions[1]);
	KUNIT_EXPECT_EQ(test, host->resolution_requests, v->resolution);
	if (v->ret)
		return;

	info = hv_get_drvdata(&host->dev->hdev);
	KUNIT_EXPECT_EQ(test, info->var.xres, v->resolution ? 800 : HVFB_WIDTH);
	KUNIT_EXPECT_EQ(test, info->var.yres, v->resolution ? 600 : HVFB_HEIGHT);
}

static bool hvfb_test_never_reply(struct hvfb_test_host *host, const struct synthvid_msg *msg)
{
	return msg->vid_hdr.type == host->params.what;
}

/* A host that does not answer. The only test that waits for the driver's ten seconds. */
static void test_timeout(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_host(test, .vmbus_version = VERSION_WIN8,
						     .reply = hvfb_test_never_reply,
						     .what = SYNTHVID_VERSION_REQUEST);
	unsigned long start = jiffies;

	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), -ETIMEDOUT);
	KUNIT_EXPECT_GE(test, jiffies - start, VSP_TIMEOUT);
	KUNIT_EXPECT_FALSE(test, hvfb_test_bound(host));

	host->params.reply = NULL;
	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), 0);
}

struct hvfb_test_gone_at {
	const char *desc;
	u32 type;
	bool answered;
};

static const struct hvfb_test_gone_at hvfb_test_gone[] = {
	{ "version request", SYNTHVID_VERSION_REQUEST },
	{ "version request, answered", SYNTHVID_VERSION_REQUEST, true },
	{ "resolution request", SYNTHVID_RESOLUTION_REQUEST },
	{ "resolution request, answered", SYNTHVID_RESOLUTION_REQUEST, true },
	{ "VRAM location", SYNTHVID_VRAM_LOCATION },
};

KUNIT_ARRAY_PARAM_DESC(hvfb_test_gone, hvfb_test_gone, desc);

/* Gets this message, and is gone. */
static bool hvfb_test_rescind_reply(struct hvfb_test_host *host, const struct synthvid_msg *msg)
{
	const struct hvfb_test_gone_at *at = &hvfb_test_gone[host->params.what];

	if (msg->vid_hdr.type != at->type)
		return false;
	WRITE_ONCE(host->dev->channel.rescind, true);

	return !at->answered;
}

/* The host goes away in the middle of probe, which is not waited for. */
static void test_host_gone(struct kunit *test)
{
	const struct hvfb_test_gone_at *at = test->param_value;
	struct hvfb_test_host *host = hvfb_test_host(test, .reply = hvfb_test_rescind_reply,
						     .what = at - hvfb_test_gone);
	unsigned long start = jiffies;

	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), -ENODEV);
	KUNIT_EXPECT_LT(test, jiffies - start, VSP_TIMEOUT);
	KUNIT_EXPECT_FALSE(test, hvfb_test_bound(host));
	KUNIT_EXPECT_EQ(test, host->closes, 1);
}

/* And when the driver is in use: writes go nowhere, unbind is as always. */
static void test_host_gone_in_use(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup(test, HVFB_TEST_ALLOC_PAGES);
	unsigned long addr = hvfb_test_map(test, ctx);

	hvfb_test_forget(ctx);
	WRITE_ONCE(ctx->host->dev->channel.rescind, true);
	hvfb_test_draw(test, ctx, addr, 0, 8, 1);
	hvfb_test_flush(test, ctx);
	hvfb_test_expect_drawn(test, ctx, 0, 8, 1);
	KUNIT_EXPECT_EQ(test, ctx->host->dirts, 0);
	hvfb_test_unbind(ctx->host);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), -EFAULT);
	hvfb_test_unmap(test, ctx, addr, hvfb_test_npages(ctx));
	hvfb_test_close(test, ctx->file);
}

/*
 * Pictures
 */

/* What is drawn by a mapping arrives, with the rows that were drawn to and no others. */
static void test_picture(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	unsigned long last = (hvfb_test_visible(ctx) - 1) >> PAGE_SHIFT;
	u32 pitch = ctx->info->fix.line_length;
	const unsigned long pages[] = { 0, 1, 2, last / 2, last - 1, last };
	unsigned int i;

	hvfb_test_forget(ctx);
	hvfb_test_draw(test, ctx, addr, 0, last, 1);
	hvfb_test_flush(test, ctx);
	hvfb_test_expect_rows(test, ctx, 0, ctx->info->var.yres);
	hvfb_test_expect_drawn(test, ctx, 0, last, 1);
	hvfb_test_expect_shown(test, ctx);

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		u32 start = pages[i] << PAGE_SHIFT, end = start + PAGE_SIZE - 1;

		hvfb_test_forget(ctx);
		hvfb_test_draw(test, ctx, addr, pages[i], pages[i], 2 + i);
		hvfb_test_flush(test, ctx);
		hvfb_test_expect_rows(test, ctx, start / pitch,
				      min(end / pitch + 1, ctx->info->var.yres));
		hvfb_test_expect_drawn(test, ctx, pages[i], pages[i], 2 + i);
		hvfb_test_expect_shown(test, ctx);
	}

	hvfb_test_unmap(test, ctx, addr, npages);
}

static void hvfb_test_set_mode(struct kunit *test, struct hvfb_test *ctx, u32 xres, u32 yres,
			       int ret)
{
	struct fb_var_screeninfo var = ctx->info->var;

	var.xres = xres;
	var.yres = yres;
	console_lock();
	KUNIT_EXPECT_EQ(test, fb_set_var(ctx->info, &var), ret);
	console_unlock();
}

/* Without a dirty page on the screen there is nothing to tell. */
static void test_nothing_to_show(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	unsigned long behind;

	/* With an empty list, as after suspend. */
	hvfb_test_forget(ctx);
	KUNIT_EXPECT_TRUE(test, schedule_delayed_work(&ctx->info->deferred_work, HZ));
	flush_delayed_work(&ctx->info->deferred_work);
	hvfb_test_poll(ctx->host);
	KUNIT_EXPECT_EQ(test, ctx->host->dirts, 0);

	/* So that there is memory behind the screen, whatever the kind. */
	hvfb_test_set_mode(test, ctx, 640, 480, 0);
	behind = PFN_UP(hvfb_test_visible(ctx));
	KUNIT_ASSERT_LT(test, behind, npages);
	hvfb_test_forget(ctx);
	hvfb_test_draw(test, ctx, addr, behind, npages - 1, 1);
	hvfb_test_flush(test, ctx);
	KUNIT_EXPECT_EQ(test, ctx->host->dirts, 0);
	hvfb_test_expect_drawn(test, ctx, behind, npages - 1, 1);
	hvfb_test_unmap(test, ctx, addr, npages);
}

/* write() is drawing, too, up to the end of the memory. */
static void test_write(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	u32 pitch = ctx->info->fix.line_length;
	const loff_t starts[] = { 0, pitch - 4, 10 * pitch, hvfb_test_visible(ctx) - 4096 };
	unsigned long addr = kunit_vm_mmap(test, NULL, 0, SZ_4K, PROT_RDWR,
					   MAP_PRIVATE | MAP_ANONYMOUS, 0);
	unsigned int i;
	loff_t pos;

	KUNIT_ASSERT_NE(test, addr, 0);
	for (i = 0; i < SZ_4K / sizeof(u32); i++)
		KUNIT_ASSERT_EQ(test, put_user(hvfb_test_pixel(i, 7),
					       (u32 __user *)addr + i), 0);

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		hvfb_test_forget(ctx);
		pos = starts[i];
		KUNIT_EXPECT_EQ(test, vfs_write(ctx->file, (void __user *)addr, SZ_4K, &pos),
				SZ_4K);
		hvfb_test_flush_drawing(ctx);
		hvfb_test_expect_rows(test, ctx, (u32)starts[i] / pitch,
				      (u32)(starts[i] + SZ_4K - 1) / pitch + 1);
		KUNIT_EXPECT_EQ(test, *(u32 *)(ctx->info->screen_buffer + starts[i]),
				hvfb_test_pixel(0, 7));
		hvfb_test_expect_shown(test, ctx);
	}

	/* Cut at the end of the memory; what is off the screen is not told. */
	hvfb_test_forget(ctx);
	pos = ctx->info->fix.smem_len - 16;
	KUNIT_EXPECT_EQ(test, vfs_write(ctx->file, (void __user *)addr, SZ_4K, &pos), 16);
	hvfb_test_flush_drawing(ctx);
	if (pos > hvfb_test_visible(ctx))
		KUNIT_EXPECT_EQ(test, ctx->host->dirts, 0);
	hvfb_test_expect_shown(test, ctx);
}

KUNIT_DEFINE_ACTION_WRAPPER(hvfb_test_stop, kthread_stop, struct task_struct *);

/* A thread that ends with the test at the latest; @data has to outlive it. */
static struct task_struct *hvfb_test_run(struct kunit *test, int (*function)(void *), void *data)
{
	struct task_struct *thread = kthread_run(function, data, "hvfb_test");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, hvfb_test_stop, thread), 0);

	return thread;
}

struct hvfb_test_console {
	struct hvfb_test *ctx;
	unsigned int calls;
};

/* As fbcon does: with the console lock, from another thread. */
static int hvfb_test_console_thread(void *data)
{
	struct hvfb_test_console *console = data;
	struct fb_info *info = console->ctx->info;
	struct fb_fillrect rect = { .width = 64, .height = 16, .rop = ROP_COPY };
	struct fb_copyarea area = { .width = 320, .height = 200, .sy = 16 };

	while (!kthread_should_stop()) {
		unsigned int n = console->calls++;

		rect.dx = n * 8 % 512;
		rect.dy = n * 16 % 400;
		rect.color = n % 16;
		console_lock();
		if (info->state == FBINFO_STATE_RUNNING) {
			info->fbops->fb_fillrect(info, &rect);
			info->fbops->fb_copyarea(info, &area);
		}
		console_unlock();
		usleep_range(100, 200);
	}

	return 0;
}

/* The console draws while user space does, in the same memory. */
static void test_console(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	struct hvfb_test_console *console = kunit_kzalloc(test, sizeof(*console), GFP_KERNEL);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	unsigned long last = (hvfb_test_visible(ctx) - 1) >> PAGE_SHIFT;
	struct task_struct *thread;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, console);
	console->ctx = ctx;
	thread = hvfb_test_run(test, hvfb_test_console_thread, console);
	for (i = 0; i < 20; i++) {
		/* The console does not draw in the lower third. */
		hvfb_test_draw(test, ctx, addr, last * 2 / 3 + 1, last, i);
		hvfb_test_flush(test, ctx);
		hvfb_test_expect_drawn(test, ctx, last * 2 / 3 + 1, last, i);
	}
	hvfb_test_wait(test, READ_ONCE(console->calls) > 100);
	kunit_release_action(test, hvfb_test_stop, thread);

	hvfb_test_flush(test, ctx);
	hvfb_test_flush_drawing(ctx);
	hvfb_test_expect_shown(test, ctx);
	hvfb_test_unmap(test, ctx, addr, npages);
}

/* Nothing is told to a host that does not want to know; later it gets all of it. */
static void test_feature_change(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);

	hvfb_test_forget(ctx);
	mutex_lock(&ctx->host->lock);
	hvfb_test_send_feature(ctx->host, false);
	mutex_unlock(&ctx->host->lock);
	hvfb_test_wait(test, !READ_ONCE(hvfb_test_par(ctx)->update));
	hvfb_test_draw(test, ctx, addr, 100, 200, 1);
	hvfb_test_flush(test, ctx);
	KUNIT_EXPECT_EQ(test, ctx->host->dirts, 0);

	mutex_lock(&ctx->host->lock);
	hvfb_test_send_feature(ctx->host, true);
	mutex_unlock(&ctx->host->lock);
	hvfb_test_wait(test, READ_ONCE(hvfb_test_par(ctx)->update));
	/* The work is queued after that has been set. */
	tasklet_unlock_wait(&ctx->host->dev->channel.callback_event);
	hvfb_test_flush_drawing(ctx);
	hvfb_test_expect_rows(test, ctx, 0, ctx->info->var.yres);
	hvfb_test_expect_shown(test, ctx);
	hvfb_test_unmap(test, ctx, addr, npages);
}

/*
 * A smaller mode: what is dirty is cut to it, and what is left is shown. What is
 * drawn beyond it is shown when the mode is large enough again.
 */
static void test_smaller_mode(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	unsigned long last = (hvfb_test_visible(ctx) - 1) >> PAGE_SHIFT, behind;
	unsigned int situs = ctx->host->situs;

	hvfb_test_forget(ctx);
	hvfb_test_set_mode(test, ctx, 640, 480, 0);
	hvfb_test_flush_drawing(ctx);
	KUNIT_EXPECT_EQ(test, ctx->host->situs, situs + 1);
	hvfb_test_expect_rows(test, ctx, 0, 480);

	hvfb_test_forget(ctx);
	ctx->info->fbops->fb_fillrect(ctx->info, &(struct fb_fillrect){
		.dx = 600, .dy = 400, .width = 100, .height = 100, .color = 15,
		.rop = ROP_COPY,
	});
	hvfb_test_flush_drawing(ctx);
	KUNIT_EXPECT_EQ(test, ctx->host->dirts, 1);
	KUNIT_EXPECT_EQ(test, ctx->host->dirt.x1, 600);
	KUNIT_EXPECT_EQ(test, ctx->host->dirt.x2, 640);
	KUNIT_EXPECT_EQ(test, ctx->host->dirt.y1, 400);
	KUNIT_EXPECT_EQ(test, ctx->host->dirt.y2, 480);

	/* Larger than the memory is laid out for: no. */
	hvfb_test_set_mode(test, ctx, 1024, 768, -EINVAL);

	hvfb_test_forget(ctx);
	behind = PFN_UP(hvfb_test_visible(ctx));
	hvfb_test_draw(test, ctx, addr, behind, last, 1);
	hvfb_test_flush(test, ctx);
	KUNIT_EXPECT_EQ(test, ctx->host->dirts, 0);
	hvfb_test_set_mode(test, ctx, 800, 600, 0);
	hvfb_test_flush_drawing(ctx);
	hvfb_test_expect_rows(test, ctx, 0, 600);
	hvfb_test_expect_drawn(test, ctx, behind, last, 1);
	hvfb_test_expect_shown(test, ctx);
	hvfb_test_unmap(test, ctx, addr, npages);
}

/*
 * Memory
 */

/* How often the pages of the framebuffer are referenced, as far as user space can. */
static unsigned long hvfb_test_references(struct hvfb_test *ctx)
{
	struct page *page = virt_to_page(ctx->info->screen_buffer);
	unsigned long i, sum = 0;

	for (i = 0; i < hvfb_test_npages(ctx); i++)
		sum += page_ref_count(page + i);

	return sum;
}

/* Does the page allocator give away pages that the framebuffer has? */
static unsigned long hvfb_test_stolen(struct kunit *test, struct hvfb_test *ctx)
{
	unsigned long first = PHYS_PFN(virt_to_phys(ctx->info->screen_buffer));
	const unsigned long npages = 1024;
	struct page **pages = kunit_kcalloc(test, npages, sizeof(*pages), GFP_KERNEL);
	unsigned long i, stolen = 0;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < npages; i++) {
		/* Where pages go that user space has had, and where the block came from. */
		pages[i] = alloc_page(i % 2 ? GFP_HIGHUSER_MOVABLE : GFP_KERNEL);
		if (pages[i] && page_to_pfn(pages[i]) >= first &&
		    page_to_pfn(pages[i]) < first + hvfb_test_npages(ctx))
			stolen++;
	}
	for (i = 0; i < npages; i++)
		if (pages[i])
			__free_page(pages[i]);

	return stolen;
}

/*
 * What people do: a program maps, draws, exits; and the driver is unbound. The
 * pages are nobody else's until then.
 */
static void test_again_and_again(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), references, addr;
	unsigned int round, program;

	for (round = 0; round < 3; round++) {
		references = hvfb_test_references(ctx);
		for (program = 0; program < 3; program++) {
			if (program)
				ctx->file = hvfb_test_open(test, ctx->info->node);
			addr = hvfb_test_map(test, ctx);
			hvfb_test_draw(test, ctx, addr, 0, npages - 1, round + program);
			KUNIT_EXPECT_EQ(test, hvfb_test_references(ctx), references);
			hvfb_test_unmap(test, ctx, addr, npages);
			hvfb_test_close(test, ctx->file);
			KUNIT_EXPECT_EQ(test, hvfb_test_references(ctx), references);
			KUNIT_EXPECT_EQ(test, hvfb_test_stolen(test, ctx), 0);
			hvfb_test_expect_drawn(test, ctx, 0, npages - 1, round + program);
			hvfb_test_poll(ctx->host);
			hvfb_test_expect_shown(test, ctx);
		}
		hvfb_test_unbind(ctx->host);
		if (round < 2)
			hvfb_test_start(test, ctx);
	}
}

/* The device of @file and of the mapping at @addr is no more. */
static void hvfb_test_expect_gone(struct kunit *test, struct hvfb_test *ctx, bool mmio,
				  struct file *file, unsigned long addr, unsigned long npages)
{
	unsigned long map;
	u8 value;

	if (mmio) {
		/* Counted pages: what was mapped is still readable, and no more. */
		KUNIT_EXPECT_EQ(test, fault_kunit_read(addr, &value), 0);
		KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), -EFAULT);
	} else {
		KUNIT_EXPECT_EQ(test, fault_kunit_read(addr, &value), -EFAULT);
		KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), -EFAULT);
		KUNIT_EXPECT_FALSE(test, fault_kunit_present(addr + PAGE_SIZE));
	}
	map = fault_kunit_mmap(test, file, 0, 1, PROT_RDWR, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, map, (unsigned long)-ENODEV);
	KUNIT_EXPECT_EQ(test, vfs_fsync(file, 0), 0);
	hvfb_test_unmap(test, ctx, addr, npages);
}

#if IS_ENABLED(CONFIG_FRAMEBUFFER_CONSOLE)
struct hvfb_test_text {
	struct file *tty;
	unsigned int lines;
};

/* Writes lines of text to the terminal, faster than anybody reads. */
static int hvfb_test_text_thread(void *data)
{
	struct hvfb_test_text *text = data;
	char line[64];
	loff_t pos = 0;
	int len;

	while (!kthread_should_stop()) {
		len = scnprintf(line, sizeof(line), "line %u of the console\n", text->lines);
		if (kernel_write(text->tty, line, len, &pos) != len)
			break;
		WRITE_ONCE(text->lines, text->lines + 1);
	}
	/* Is stopped by the test. */
	while (!kthread_should_stop())
		usleep_range(500, 1000);

	return 0;
}

/* Puts the first virtual terminal on the framebuffer, as con2fbmap does. */
static void hvfb_test_take_console(struct kunit *test, struct hvfb_test *ctx)
{
	struct fb_con2fbmap map = { .console = 1, .framebuffer = ctx->info->node };
	void __user *user = (void __user *)kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_RDWR,
							 MAP_PRIVATE | MAP_ANONYMOUS, 0);

	KUNIT_ASSERT_NOT_NULL(test, user);
	KUNIT_ASSERT_EQ(test, copy_to_user(user, &map, sizeof(map)), 0);
	KUNIT_ASSERT_EQ(test, ctx->file->f_op->unlocked_ioctl(ctx->file, FBIOPUT_CON2FBMAP,
							      (unsigned long)user), 0);
}

/*
 * The framebuffer console writes and scrolls text, and a program draws in the
 * rows below it, which belong to nobody else. Then the device goes.
 */
static void test_fbcon(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	unsigned long last = (hvfb_test_visible(ctx) - 1) >> PAGE_SHIFT, first, end_of_text;
	/* No cursor: that would go on blinking. */
	static const char start[] = "\033[?25l\033[2J";
	struct hvfb_test_text *text = kunit_kzalloc(test, sizeof(*text), GFP_KERNEL);
	struct task_struct *thread;
	struct vc_data *vc;
	unsigned int i;
	loff_t pos = 0;
	u8 value;

	KUNIT_ASSERT_NOT_NULL(test, text);
	hvfb_test_take_console(test, ctx);
	text->tty = hvfb_test_open_dev(test, MKDEV(TTY_MAJOR, 1));
	KUNIT_ASSERT_EQ(test, kernel_write(text->tty, start, strlen(start), &pos), strlen(start));
	console_lock();
	vc = vc_cons[0].d;
	end_of_text = vc->vc_rows * vc->vc_font.height * ctx->info->fix.line_length;
	console_unlock();
	first = PFN_UP(end_of_text);
	KUNIT_ASSERT_GT(test, end_of_text, 0);
	KUNIT_ASSERT_LT(test, first, last);

	thread = hvfb_test_run(test, hvfb_test_text_thread, text);
	for (i = 0; i < 20; i++) {
		hvfb_test_draw(test, ctx, addr, first, last, i);
		hvfb_test_flush(test, ctx);
		hvfb_test_expect_drawn(test, ctx, first, last, i);
	}
	/* A screen full, and on. */
	hvfb_test_wait(test, READ_ONCE(text->lines) > 2 * vc->vc_rows);
	kunit_release_action(test, hvfb_test_stop, thread);

	hvfb_test_flush(test, ctx);
	hvfb_test_flush_drawing(ctx);
	hvfb_test_expect_drawn(test, ctx, first, last, i - 1);
	KUNIT_EXPECT_PTR_NE(test, memchr_inv(ctx->info->screen_buffer, 0, end_of_text), NULL);
	hvfb_test_expect_shown(test, ctx);

	thread = hvfb_test_run(test, hvfb_test_text_thread, text);
	hvfb_test_draw(test, ctx, addr, first, last, i);
	i = READ_ONCE(text->lines);
	hvfb_test_wait(test, READ_ONCE(text->lines) > i);
	/* The program looks at the text, too. */
	KUNIT_EXPECT_GE(test, fault_kunit_read(addr, &value), 0);
	hvfb_test_unbind(ctx->host);
	i = READ_ONCE(text->lines);
	hvfb_test_wait(test, READ_ONCE(text->lines) > i);
	kunit_release_action(test, hvfb_test_stop, thread);
	hvfb_test_expect_gone(test, ctx, ctx->mmio, ctx->file, addr, npages);
}
#endif

/*
 * Unbind while mapped and open, rebind at another size, close the old file. What
 * was written last is shown, and the old file frees what is its own.
 */
static void test_unbind_mapped(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	struct hvfb_test_host *host = ctx->host;
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	unsigned long last = (hvfb_test_visible(ctx) - 1) >> PAGE_SHIFT, new_addr;
	struct file *old_file = ctx->file;
	bool old_mmio = ctx->mmio;

	/* It is bound to memory of another kind again. */
	if (!ctx->host->params.gen2)
		hvfb_test_need(test, HVFB_TEST_CMA);
	hvfb_test_draw(test, ctx, addr, 0, last, 1);
	hvfb_test_flush(test, ctx);
	hvfb_test_forget(ctx);
	hvfb_test_draw(test, ctx, addr, 0, last, 2);
	hvfb_test_unbind(host);
	KUNIT_EXPECT_FALSE(test, hvfb_test_bound(host));
	hvfb_test_expect_rows(test, ctx, 0, ctx->info->var.yres);
	hvfb_test_expect_drawn(test, ctx, 0, last, 2);
	hvfb_test_expect_shown(test, ctx);

	/* A larger screen in less memory: from another allocator, and of another size. */
	host->params.width = 1024;
	host->params.height = 768;
	host->params.megabytes = host->params.megabytes == 4 ? 8 : 4;
	ctx->mmio = host->params.gen2;
	hvfb_test_start(test, ctx);
	hvfb_test_expect_gone(test, ctx, old_mmio, old_file, addr, npages);

	npages = hvfb_test_npages(ctx);
	last = (hvfb_test_visible(ctx) - 1) >> PAGE_SHIFT;
	new_addr = hvfb_test_map(test, ctx);
	hvfb_test_draw(test, ctx, new_addr, 0, last, 3);
	hvfb_test_close(test, old_file);
	hvfb_test_draw(test, ctx, new_addr, 0, last / 2, 4);
	hvfb_test_flush(test, ctx);
	hvfb_test_expect_drawn(test, ctx, 0, last / 2, 4);
	hvfb_test_expect_drawn(test, ctx, last / 2 + 1, last, 3);
	hvfb_test_expect_shown(test, ctx);
	hvfb_test_unmap(test, ctx, new_addr, npages);
	hvfb_test_close(test, ctx->file);
	hvfb_test_unbind(host);
	KUNIT_EXPECT_EQ(test, hvfb_test_slots_used(), 0);
	KUNIT_EXPECT_EQ(test, hvfb_test_bad_frees, 0);
}

/* The file is the last user of the device, long after it is gone from the bus. */
static void test_device_outlived(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	struct hvfb_test_host *host = ctx->host;

	hvfb_test_draw(test, ctx, addr, 0, 8, 1);
	hvfb_test_drop(host);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), -EFAULT);
	hvfb_test_unmap(test, ctx, addr, npages);
	hvfb_test_close(test, ctx->file);
	hvfb_test_wait(test, completion_done(&host->released));
	KUNIT_EXPECT_EQ(test, hvfb_test_slots_used(), 0);
}

/* Two at a time have nothing in common. */
static void test_two_devices(struct kunit *test)
{
	struct hvfb_test *one = hvfb_test_setup(test, HVFB_TEST_ALLOC_PAGES);
	struct hvfb_test *two = hvfb_test_setup(test, HVFB_TEST_CMA, .width = 1024, .height = 768);
	unsigned long addr1 = hvfb_test_map(test, one), addr2 = hvfb_test_map(test, two);
	unsigned long npages1 = hvfb_test_npages(one);

	hvfb_test_forget(one);
	hvfb_test_forget(two);
	hvfb_test_draw(test, one, addr1, 0, 10, 1);
	hvfb_test_draw(test, two, addr2, 20, 30, 2);
	hvfb_test_flush(test, one);
	hvfb_test_flush(test, two);
	hvfb_test_expect_rows(test, one, 0, 11 * PAGE_SIZE / one->info->fix.line_length + 1);
	hvfb_test_expect_rows(test, two, 20 * PAGE_SIZE / two->info->fix.line_length,
			      31 * PAGE_SIZE / two->info->fix.line_length);
	hvfb_test_expect_shown(test, one);
	hvfb_test_expect_shown(test, two);

	hvfb_test_unbind(one->host);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr1, 1), -EFAULT);
	hvfb_test_draw(test, two, addr2, 40, 50, 3);
	hvfb_test_flush(test, two);
	hvfb_test_expect_shown(test, two);
	hvfb_test_unmap(test, one, addr1, npages1);
	hvfb_test_unmap(test, two, addr2, hvfb_test_npages(two));
}

/*
 * Remove, suspend, resume, panic
 */

static long hvfb_test_ioctl_mode(struct file *file, unsigned long addr)
{
	long ret = file->f_op->unlocked_ioctl(file, FBIOGET_VSCREENINFO, addr);

	return ret ?: file->f_op->unlocked_ioctl(file, FBIOPUT_VSCREENINFO, addr);
}

/* Everything that user space and fbcon can do while remove has come this far. */
static void hvfb_test_window(struct hvfb_test_host *host)
{
	struct kunit *test = host->test;
	struct file *file = host->params.file;
	struct vmbus_channel *channel = &host->dev->channel;
	struct fb_info *info = hv_get_drvdata(&host->dev->hdev);
	struct hvfb_par *par = info->par;
	struct fb_fillrect rect = { .width = 64, .height = 16, .color = 15, .rop = ROP_COPY };
	unsigned long map, deadline;

	map = fault_kunit_mmap(test, file, 0, 1, PROT_RDWR, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, map, (unsigned long)-ENODEV);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(host->params.addr, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, hvfb_test_ioctl_mode(file, host->params.buffer), 0);
	console_lock();
	info->fbops->fb_fillrect(info, &rect);
	info->fbops->fb_set_par(info);
	console_unlock();
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&par->dwork));
	mutex_lock(&host->lock);
	hvfb_test_send_feature(host, true);
	mutex_unlock(&host->lock);
	/* The driver holds locks: no assertion here may end the test. */
	deadline = jiffies + HVFB_TEST_WAIT;
	while (hv_get_bytes_to_read(&channel->inbound) && time_before(jiffies, deadline))
		usleep_range(500, 1000);
	tasklet_unlock_wait(&channel->callback_event);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&par->dwork));
	host->params.what++;
}

/* The framebuffer is still registered when the channel is closed. */
static void test_remove_window(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	struct hvfb_par *par = hvfb_test_par(ctx);
	unsigned int situs = ctx->host->situs;

	/* Work that is pending already would not be queued once more. */
	hvfb_test_forget(ctx);
	hvfb_test_draw(test, ctx, addr, 0, 8, 1);
	ctx->host->params.file = ctx->file;
	ctx->host->params.addr = addr;
	ctx->host->params.buffer = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_RDWR,
						 MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_NE(test, ctx->host->params.buffer, 0);
	ctx->host->params.on_close = hvfb_test_window;
	hvfb_test_unbind(ctx->host);
	KUNIT_EXPECT_EQ(test, ctx->host->params.what, 1);
	KUNIT_EXPECT_EQ(test, ctx->host->situs, situs);
	/* The file keeps the framebuffer alive. */
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&par->dwork));
	hvfb_test_unmap(test, ctx, addr, npages);
	hvfb_test_close(test, ctx->file);
}

static int hvfb_test_suspend(struct hvfb_test *ctx)
{
	return hvfb_drv.suspend(&ctx->host->dev->hdev);
}

static int hvfb_test_resume(struct hvfb_test *ctx)
{
	return hvfb_drv.resume(&ctx->host->dev->hdev);
}

/* What is written before and during suspend is shown after resume. */
static void test_suspend(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	unsigned long last = (hvfb_test_visible(ctx) - 1) >> PAGE_SHIFT;
	struct fb_var_screeninfo var = ctx->info->var;
	unsigned int round;

	for (round = 0; round < 2; round++) {
		hvfb_test_draw(test, ctx, addr, 0, last / 2, round);
		KUNIT_ASSERT_EQ(test, hvfb_test_suspend(ctx), 0);
		KUNIT_EXPECT_FALSE(test, ctx->host->opened);
		/* On pages that were on the list and on others, and flushed. */
		hvfb_test_draw(test, ctx, addr, last / 4, last * 3 / 4, round);
		vfs_fsync(ctx->file, 0);
		hvfb_test_draw(test, ctx, addr, last / 4, last * 3 / 4, round + 10);
		console_lock();
		KUNIT_EXPECT_EQ(test, fb_set_var(ctx->info, &var), 0);
		ctx->info->fbops->fb_set_par(ctx->info);
		console_unlock();

		KUNIT_ASSERT_EQ(test, hvfb_test_resume(ctx), 0);
		hvfb_test_wait(test, ctx->host->asked);
		hvfb_test_flush_drawing(ctx);
		hvfb_test_expect_drawn(test, ctx, last / 4, last * 3 / 4, round + 10);
		/* Also what nobody tells the driver any more. */
		hvfb_test_draw(test, ctx, addr, last / 4, last / 2, round + 20);
		hvfb_test_flush(test, ctx);
		hvfb_test_expect_drawn(test, ctx, last / 4, last / 2, round + 20);
		hvfb_test_expect_shown(test, ctx);
	}
	hvfb_test_unmap(test, ctx, addr, npages);
}

/* After resume, the host has other ideas about the screen: the memory has not. */
static void test_resume_other_resolution(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup(test, HVFB_TEST_ALLOC_PAGES);

	KUNIT_ASSERT_EQ(test, hvfb_test_suspend(ctx), 0);
	ctx->host->params.width = 1024;
	ctx->host->params.height = 1024;
	KUNIT_ASSERT_EQ(test, hvfb_test_resume(ctx), 0);
	hvfb_test_poll(ctx->host);
	KUNIT_EXPECT_EQ(test, ctx->host->situ.width_pixels, 800);

	hvfb_test_set_mode(test, ctx, 1024, 1024, -EINVAL);
}

/* A host that refuses on resume: the next one, and unbind, work all the same. */
static void test_resume_refused(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);
	unsigned int round;

	for (round = 0; round < 2; round++) {
		hvfb_test_draw(test, ctx, addr, 0, 8, 1);
		KUNIT_ASSERT_EQ(test, hvfb_test_suspend(ctx), 0);
		ctx->host->params.refuse_win10 = true;
		ctx->host->params.refuse_win8 = true;
		KUNIT_EXPECT_EQ(test, hvfb_test_resume(ctx), -ENODEV);
		hvfb_test_draw(test, ctx, addr, 0, 8, 2);
		vfs_fsync(ctx->file, 0);
		if (round)
			break;

		KUNIT_ASSERT_EQ(test, hvfb_test_suspend(ctx), 0);
		ctx->host->params.refuse_win10 = false;
		ctx->host->params.refuse_win8 = false;
		KUNIT_ASSERT_EQ(test, hvfb_test_resume(ctx), 0);
		hvfb_test_wait(test, ctx->host->asked);
		/* Resume has queued the worker, for pages on the list. */
		hvfb_test_flush(test, ctx);
		hvfb_test_forget(ctx);
		ctx->info->fbops->fb_fillrect(ctx->info, &(struct fb_fillrect){
			.dx = 10, .dy = 20, .width = 30, .height = 40, .color = 15,
			.rop = ROP_COPY,
		});
		hvfb_test_flush_drawing(ctx);
		KUNIT_EXPECT_EQ(test, ctx->host->dirts, 1);
		hvfb_test_flush(test, ctx);
		hvfb_test_expect_shown(test, ctx);
	}
	hvfb_test_unbind(ctx->host);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), -EFAULT);
	hvfb_test_unmap(test, ctx, addr, npages);
	hvfb_test_close(test, ctx->file);
}

/* The panic notifier shows everything at once, and nothing without a channel. */
static void test_panic(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup_param(test);
	struct hvfb_par *par = hvfb_test_par(ctx);
	unsigned long npages = hvfb_test_npages(ctx), addr = hvfb_test_map(test, ctx);

	hvfb_test_forget(ctx);
	hvfb_test_draw(test, ctx, addr, 3, 30, 1);
	par->hvfb_panic_nb.notifier_call(&par->hvfb_panic_nb, 0, NULL);
	hvfb_test_poll(ctx->host);
	hvfb_test_expect_rows(test, ctx, 0, ctx->info->var.yres);
	hvfb_test_expect_shown(test, ctx);

	/* From there on, the console is shown without a worker. */
	hvfb_test_forget(ctx);
	ctx->info->fbops->fb_fillrect(ctx->info, &(struct fb_fillrect){
		.width = 16, .height = 16, .color = 15, .rop = ROP_COPY,
	});
	hvfb_test_poll(ctx->host);
	hvfb_test_expect_rows(test, ctx, 0, ctx->info->var.yres);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&par->dwork));
	par->synchronous_fb = false;

	KUNIT_ASSERT_EQ(test, hvfb_test_suspend(ctx), 0);
	par->hvfb_panic_nb.notifier_call(&par->hvfb_panic_nb, 0, NULL);
	KUNIT_EXPECT_FALSE(test, par->synchronous_fb);
	KUNIT_ASSERT_EQ(test, hvfb_test_resume(ctx), 0);
	hvfb_test_unmap(test, ctx, addr, npages);
}

/*
 * Things that go wrong in probe
 */

enum hvfb_test_wrong {
	HVFB_TEST_SHORT_VERSION,
	HVFB_TEST_NO_BODY,
	HVFB_TEST_LONG_VERSION,
	HVFB_TEST_OVERSIZED,
	HVFB_TEST_SHORT_RESOLUTION,
	HVFB_TEST_NO_RESOLUTIONS,
	HVFB_TEST_BAD_INDEX,
	HVFB_TEST_LARGE_INDEX,
	HVFB_TEST_ZERO,
	HVFB_TEST_SMALL,
	HVFB_TEST_ABSURD,
	HVFB_TEST_TOO_LARGE,
	HVFB_TEST_SHORT_ACK,
	HVFB_TEST_CONTEXT,
	HVFB_TEST_OTHER_RESPONSES,
	HVFB_TEST_JUNK,
	HVFB_TEST_LIES,
};

struct hvfb_test_wrong_case {
	const char *desc;
	enum hvfb_test_wrong what;
	u32 type;	/* the request that gets the answer */
	int ret;	/* of probe */
	u16 width;	/* if it succeeds */
};

static const struct hvfb_test_wrong_case hvfb_test_wrongs[] = {
	{ "short version response", HVFB_TEST_SHORT_VERSION, SYNTHVID_VERSION_REQUEST, -ENODEV },
	{ "version response without a body", HVFB_TEST_NO_BODY, SYNTHVID_VERSION_REQUEST,
	  -ENODEV },
	{ "long version response", HVFB_TEST_LONG_VERSION, SYNTHVID_VERSION_REQUEST, 0, 800 },
	{ "larger than 4 KiB", HVFB_TEST_OVERSIZED, SYNTHVID_VERSION_REQUEST, 0, 800 },
	{ "short resolution response", HVFB_TEST_SHORT_RESOLUTION, SYNTHVID_RESOLUTION_REQUEST,
	  0, HVFB_WIDTH },
	{ "no resolutions", HVFB_TEST_NO_RESOLUTIONS, SYNTHVID_RESOLUTION_REQUEST, 0,
	  HVFB_WIDTH },
	{ "resolution index", HVFB_TEST_BAD_INDEX, SYNTHVID_RESOLUTION_REQUEST, 0, HVFB_WIDTH },
	{ "resolution index behind the list", HVFB_TEST_LARGE_INDEX,
	  SYNTHVID_RESOLUTION_REQUEST, 0, HVFB_WIDTH },
	{ "resolution 0x0", HVFB_TEST_ZERO, SYNTHVID_RESOLUTION_REQUEST, 0, HVFB_WIDTH },
	{ "resolution 320x200", HVFB_TEST_SMALL, SYNTHVID_RESOLUTION_REQUEST, 0, HVFB_WIDTH },
	{ "resolution 65535x65535", HVFB_TEST_ABSURD, SYNTHVID_RESOLUTION_REQUEST, 0,
	  HVFB_WIDTH },
	{ "more than the memory", HVFB_TEST_TOO_LARGE, SYNTHVID_RESOLUTION_REQUEST, 0,
	  HVFB_WIDTH },
	{ "short ack", HVFB_TEST_SHORT_ACK, SYNTHVID_VRAM_LOCATION, -ENODEV },
	{ "wrong context", HVFB_TEST_CONTEXT, SYNTHVID_VRAM_LOCATION, -ENODEV },
	{ "other responses first", HVFB_TEST_OTHER_RESPONSES, SYNTHVID_VERSION_REQUEST, 0, 800 },
	{ "junk first", HVFB_TEST_JUNK, SYNTHVID_VERSION_REQUEST, 0, 800 },
	{ "lengths that are lies", HVFB_TEST_LIES, SYNTHVID_VERSION_REQUEST, 0, 800 },
};

KUNIT_ARRAY_PARAM_DESC(hvfb_test_wrongs, hvfb_test_wrongs, desc);

static bool hvfb_test_wrong_reply(struct hvfb_test_host *host, const struct synthvid_msg *req)
{
	const struct hvfb_test_wrong_case *wrong = &hvfb_test_wrongs[host->params.what];
	struct synthvid_msg msg = {};
	u32 version = req->ver_req.version;
	u8 *large;
	u32 type;

	if (req->vid_hdr.type != wrong->type)
		return false;

	switch (wrong->what) {
	case HVFB_TEST_SHORT_VERSION:
		/* One that is complete leaves its content behind, to be taken for ours. */
		msg.feature_chg.is_dirt_needed = 1;
		memset(&msg.ver_resp, 1, sizeof(msg.ver_resp));
		hvfb_test_send(host, &msg, SYNTHVID_FEATURE_CHANGE, 64);
		hvfb_test_send(host, &msg, SYNTHVID_VERSION_RESPONSE,
			       sizeof(msg.ver_resp.version));
		return true;
	case HVFB_TEST_NO_BODY:
		memset(&msg.ver_resp, 1, sizeof(msg.ver_resp));
		hvfb_test_send(host, &msg, SYNTHVID_POINTER_SHAPE, 64);
		hvfb_test_send(host, &msg, SYNTHVID_VERSION_RESPONSE, 0);
		return true;
	case HVFB_TEST_LONG_VERSION:
		msg.ver_resp.version = version;
		msg.ver_resp.is_accepted = 1;
		hvfb_test_send(host, &msg, SYNTHVID_VERSION_RESPONSE, 300);
		return true;
	case HVFB_TEST_OVERSIZED:
		large = kzalloc(SZ_8K, GFP_KERNEL);
		if (!large)
			return true;
		msg.pipe_hdr.type = PIPE_MSG_DATA;
		msg.vid_hdr.type = SYNTHVID_POINTER_SHAPE;
		memcpy(large, &msg, sizeof(msg));
		hvfb_test_send_bytes(host, large, SZ_8K);
		kfree(large);
		return false;
	case HVFB_TEST_SHORT_RESOLUTION:
		msg.resolution_resp.resolution_count = 64;
		msg.resolution_resp.default_resolution_index = 63;
		hvfb_test_send(host, &msg, SYNTHVID_RESOLUTION_RESPONSE,
			       sizeof(msg.resolution_resp) - 64);
		return true;
	case HVFB_TEST_NO_RESOLUTIONS:
		hvfb_test_send(host, &msg, SYNTHVID_RESOLUTION_RESPONSE,
			       sizeof(msg.resolution_resp));
		return true;
	case HVFB_TEST_BAD_INDEX:
	case HVFB_TEST_LARGE_INDEX:
		msg.resolution_resp.resolution_count =
			wrong->what == HVFB_TEST_LARGE_INDEX ? 255 : 2;
		msg.resolution_resp.default_resolution_index =
			wrong->what == HVFB_TEST_LARGE_INDEX ? 254 : 2;
		hvfb_test_send(host, &msg, SYNTHVID_RESOLUTION_RESPONSE,
			       sizeof(msg.resolution_resp));
		return true;
	case HVFB_TEST_ZERO:
		hvfb_test_send_resolution(host, 0, 0);
		return true;
	case HVFB_TEST_SMALL:
		hvfb_test_send_resolution(host, 320, 200);
		return true;
	case HVFB_TEST_ABSURD:
		hvfb_test_send_resolution(host, U16_MAX, U16_MAX);
		return true;
	case HVFB_TEST_TOO_LARGE:
		/* One row more than 4 MiB. */
		hvfb_test_send_resolution(host, 1024, 1025);
		return true;
	case HVFB_TEST_SHORT_ACK:
		msg.vram_ack.user_ctx = req->vram.user_ctx;
		hvfb_test_send(host, &msg, SYNTHVID_VRAM_LOCATION_ACK, 0);
		return true;
	case HVFB_TEST_CONTEXT:
		hvfb_test_send_ack(host, req->vram.user_ctx + PAGE_SIZE);
		return true;
	case HVFB_TEST_OTHER_RESPONSES:
		hvfb_test_send_ack(host, 0);
		hvfb_test_send_resolution(host, 1024, 768);
		return false;
	case HVFB_TEST_JUNK:
		/* Every type there is and some more, without a body, then nothing at all. */
		for (type = 0; type <= SYNTHVID_MAX + 1; type++)
			if (type != SYNTHVID_VERSION_RESPONSE)
				hvfb_test_send(host, &msg, type, 0);
		msg.vid_hdr.type = SYNTHVID_VERSION_RESPONSE;
		msg.pipe_hdr.type = PIPE_MSG_INVALID;
		hvfb_test_send_bytes(host, &msg, sizeof(msg));
		msg.pipe_hdr.type = PIPE_MSG_MAX;
		hvfb_test_send_bytes(host, &msg, sizeof(msg));
		msg.pipe_hdr.type = PIPE_MSG_DATA;
		hvfb_test_send_bytes(host, &msg, sizeof(msg.pipe_hdr));
		return false;
	case HVFB_TEST_LIES:
		msg.ver_resp.version = version;
		msg.ver_resp.is_accepted = 1;
		msg.pipe_hdr.type = PIPE_MSG_DATA;
		msg.pipe_hdr.size = U32_MAX;
		msg.vid_hdr.type = SYNTHVID_VERSION_RESPONSE;
		msg.vid_hdr.size = U32_MAX;
		hvfb_test_send_bytes(host, &msg, offsetofend(struct synthvid_msg, ver_resp));
		return true;
	}

	return false;
}

static u32 hvfb_test_wrong_context(void)
{
	u32 i = 0;

	while (hvfb_test_wrongs[i].what != HVFB_TEST_CONTEXT)
		i++;

	return i;
}

/* Malformed messages: a clean failure or the default, at once, and a bind that works. */
static void test_malformed(struct kunit *test)
{
	const struct hvfb_test_wrong_case *wrong = test->param_value;
	struct hvfb_test_host *host = hvfb_test_host(test, .reply = hvfb_test_wrong_reply,
						     .what = wrong - hvfb_test_wrongs);
	unsigned long start = jiffies;
	struct fb_info *info;

	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), wrong->ret);
	KUNIT_EXPECT_LT(test, jiffies - start, VSP_TIMEOUT);
	if (!wrong->ret && hvfb_test_bound(host)) {
		info = hv_get_drvdata(&host->dev->hdev);
		KUNIT_EXPECT_EQ(test, info->var.xres, wrong->width);
		KUNIT_EXPECT_GE(test, info->fix.smem_len,
				info->fix.line_length * info->var.yres);
		hvfb_test_unbind(host);
	}

	host->params.reply = NULL;
	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), 0);
}

/* The same when the driver is in use: nothing changes. */
static void test_malformed_in_use(struct kunit *test)
{
	struct hvfb_test *ctx = hvfb_test_setup(test, HVFB_TEST_ALLOC_PAGES);
	unsigned long addr = hvfb_test_map(test, ctx);
	struct synthvid_msg msg = {};
	u32 type;

	mutex_lock(&ctx->host->lock);
	for (type = 0; type <= SYNTHVID_MAX + 1; type++)
		hvfb_test_send(ctx->host, &msg, type, 0);
	mutex_unlock(&ctx->host->lock);
	hvfb_test_wait(test, !hv_get_bytes_to_read(&ctx->host->dev->channel.inbound));
	tasklet_kill(&ctx->host->dev->channel.callback_event);
	KUNIT_EXPECT_TRUE(test, hvfb_test_par(ctx)->update);

	hvfb_test_draw(test, ctx, addr, 0, 100, 1);
	hvfb_test_flush(test, ctx);
	hvfb_test_expect_shown(test, ctx);
	hvfb_test_unmap(test, ctx, addr, hvfb_test_npages(ctx));
}

/* Pages that are not free. What waits to be freed counts as free. */
static unsigned long hvfb_test_used_pages(void)
{
	vm_unmap_aliases();
	drain_all_pages(NULL);

	return totalram_pages() - global_zone_page_state(NR_FREE_PAGES);
}

/* What probe has had by the time that it fails is given back. */
static void test_probe_unwinds(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_host(test, .no_pci = true);

	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), -ENODEV);
	KUNIT_EXPECT_EQ(test, host->closes, 1);

	/* Less than the default resolution takes. */
	host->params.no_pci = false;
	host->params.megabytes = 1;
	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), -ENODEV);
	KUNIT_EXPECT_EQ(test, host->closes, 2);

	/* There is no such MMIO. */
	host->params.gen2 = true;
	host->params.megabytes = 16;
	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), -ENOMEM);
	KUNIT_EXPECT_EQ(test, host->closes, 3);
	KUNIT_EXPECT_EQ(test, hvfb_test_slots_used(), 0);

	host->params.gen2 = false;
	host->params.megabytes = 4;
	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), 0);
}

/*
 * When the acknowledgment fails there is memory, which the host must have let go
 * of before it is freed. And freed it is, by probe as well as by unbind.
 */
static void test_probe_unwinds_all(struct kunit *test)
{
	enum hvfb_test_kind kind = *(const enum hvfb_test_kind *)test->param_value;
	struct hvfb_test_host *host;
	unsigned int i, references;
	unsigned long used, npages;
	struct fb_info *info;

	hvfb_test_need(test, kind);
	host = hvfb_test_host(test, .gen2 = kind == HVFB_TEST_GEN2,
			      .megabytes = hvfb_test_kinds[kind].megabytes,
			      .reply = hvfb_test_wrong_reply,
			      .what = hvfb_test_wrong_context());

	/* More often than MMIO and CMA last, if they were not given back. */
	used = hvfb_test_used_pages();
	for (i = 0; i < 12; i++) {
		KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), -ENODEV);
		KUNIT_EXPECT_EQ(test, host->closes, i + 1);
		KUNIT_EXPECT_EQ(test, hvfb_test_slots_used(), 0);
		if (!i)
			references = kref_read(&host->dev->hdev.device.kobj.kref);
		KUNIT_EXPECT_EQ(test, kref_read(&host->dev->hdev.device.kobj.kref), references);
	}
	KUNIT_EXPECT_EQ(test, hvfb_test_bad_frees, 0);
	used = hvfb_test_used_pages() - used;

	host->params.reply = NULL;
	KUNIT_ASSERT_EQ(test, hvfb_test_bind(host), 0);
	KUNIT_EXPECT_EQ(test, hvfb_test_is_mmio(host), hvfb_test_kind_is_mmio(kind));
	info = hv_get_drvdata(&host->dev->hdev);
	npages = PFN_UP(info->fix.smem_len);
	/* Others use some, too, but not this many. */
	KUNIT_EXPECT_LT(test, (long)used, (long)(6 * npages));

	hvfb_test_unbind(host);
	used = hvfb_test_used_pages();
	for (i = 0; i < 12; i++) {
		KUNIT_ASSERT_EQ(test, hvfb_test_bind(host), 0);
		hvfb_test_unbind(host);
		KUNIT_EXPECT_EQ(test, hvfb_test_slots_used(), 0);
	}
	used = hvfb_test_used_pages() - used;
	KUNIT_EXPECT_LT(test, (long)used, (long)(6 * npages));
}

/* Registration is the last thing that can fail, with one framebuffer too many. */
static void test_too_many(struct kunit *test)
{
	struct hvfb_test_host *host, *first = NULL;
	unsigned int n = 0;
	int ret;

	/* Generation 1 and a small screen, so that all of them find memory. */
	do {
		host = hvfb_test_host(test, .megabytes = 2, .width = 640, .height = 480);
		if (!first)
			first = host;
		ret = hvfb_test_bind(host);
	} while (!ret && ++n <= FB_MAX);
	if (ret == -ENOMEM)
		kunit_skip(test, "not enough memory for %u framebuffers", FB_MAX + 1);
	KUNIT_EXPECT_EQ(test, ret, -ENXIO);
	KUNIT_EXPECT_FALSE(test, hvfb_test_bound(host));
	KUNIT_EXPECT_EQ(test, host->closes, 1);

	hvfb_test_unbind(first);
	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), 0);
}

static struct kunit_case hvfb_test_cases[] = {
	KUNIT_CASE_PARAM(test_version, hvfb_test_versions_gen_params),
	KUNIT_CASE_SLOW(test_timeout),
	KUNIT_CASE_PARAM(test_host_gone, hvfb_test_gone_gen_params),
	KUNIT_CASE(test_host_gone_in_use),
	KUNIT_CASE_PARAM(test_picture, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_nothing_to_show, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_write, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_console, hvfb_test_all_gen_params),
#if IS_ENABLED(CONFIG_FRAMEBUFFER_CONSOLE)
	KUNIT_CASE_PARAM(test_fbcon, hvfb_test_all_gen_params),
#endif
	KUNIT_CASE_PARAM(test_feature_change, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_smaller_mode, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_again_and_again, hvfb_test_contiguous_gen_params),
	KUNIT_CASE_PARAM(test_unbind_mapped, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_device_outlived, hvfb_test_all_gen_params),
	KUNIT_CASE(test_two_devices),
	KUNIT_CASE_PARAM(test_remove_window, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_suspend, hvfb_test_all_gen_params),
	KUNIT_CASE(test_resume_other_resolution),
	KUNIT_CASE_PARAM(test_resume_refused, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_panic, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_malformed, hvfb_test_wrongs_gen_params),
	KUNIT_CASE(test_malformed_in_use),
	KUNIT_CASE(test_probe_unwinds),
	KUNIT_CASE_PARAM(test_probe_unwinds_all, hvfb_test_all_gen_params),
	KUNIT_CASE(test_too_many),
	{}
};

static struct kunit_suite hvfb_test_suite = {
	.name = "hyperv_fb",
	.init = hvfb_test_init,
	.suite_init = hvfb_test_suite_init,
	.suite_exit = hvfb_test_suite_exit,
	.test_cases = hvfb_test_cases,
};

kunit_test_suite(hvfb_test_suite);

/*
 * A host that stays. debugfs has the screen as the host shows it, 32 bits per
 * pixel, and how many rectangles it has been sent.
 */

static ssize_t hvfb_test_screen_read(struct file *file, char __user *buf, size_t count,
				     loff_t *ppos)
{
	struct hvfb_test_host *host = file->private_data;
	ssize_t ret;

	mutex_lock(&host->lock);
	hvfb_test_receive(host);
	ret = simple_read_from_buffer(buf, count, ppos, host->screen,
				      host->situ.pitch_bytes * host->situ.height_pixels);
	mutex_unlock(&host->lock);

	return ret;
}

static const struct file_operations hvfb_test_screen_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= hvfb_test_screen_read,
};

static int __init hvfb_test_keep(void)
{
	struct hvfb_test_host *host;
	struct dentry *dir;
	int ret;

	if (!hvfb_test_kept || hv_is_hyperv_initialized())
		return 0;

	ret = hvfb_test_register();
	if (ret)
		return ret;
	host = hvfb_test_host_create((struct hvfb_test_params){ .width = 640, .height = 480 });
	if (IS_ERR(host)) {
		hvfb_test_unregister();
		return PTR_ERR(host);
	}
	dir = debugfs_create_dir("hyperv_fb_kunit", NULL);
	debugfs_create_file("screen", 0400, dir, host, &hvfb_test_screen_fops);
	debugfs_create_u32("rectangles", 0400, dir, &host->dirts);
	debugfs_create_u32("bad_rectangles", 0400, dir, &host->bad_dirts);

	return hvfb_test_bind(host);
}
late_initcall(hvfb_test_keep);
