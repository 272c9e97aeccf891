// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for the Hyper-V framebuffer driver. Included by hyperv_fb.c.
 *
 * The driver runs against a host that is made here: a kernel thread at the other
 * end of real VMBus ring buffers, which speaks the synthetic-video protocol. It
 * reads the video memory at the guest physical address that it was told, but only
 * what the driver reports as dirty. So a test compares what user space has
 * written with what the host shows.
 *
 * Static stubs keep the driver from the hypervisor and from the machine's own
 * display. They act in the task of the test, which calls probe, remove, suspend
 * and resume itself.
 *
 * The ring never needs a hypercall: the host masks the guest's interrupts and
 * polls, and to interrupt the guest it schedules the channel's tasklet.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/cma.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs_context.h>
#include <linux/initrd.h>
#include <linux/major.h>
#include <linux/mount.h>
#include <linux/platform_device.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include <asm/mshyperv.h>

#include "../../hv/hyperv_vmbus.h"
#include "../../../lib/tests/fault_kunit.h"

#define HVFB_TEST_MAGIC		0x68766b75	/* "hvku" */
/*
 * When to give up on what other threads do. It is no measure of speed, so it is as
 * long as KUnit's own limit of five minutes for a test allows.
 */
#define HVFB_TEST_WAIT		(240 * HZ)
/* Video memory outside of Linux's memory, in slots for several devices. */
#define HVFB_TEST_MMIO_SIZE	SZ_32M
#define HVFB_TEST_SLOT_SIZE	SZ_8M
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

static void hvfb_test_get_desc(const enum hvfb_test_kind *kind, char *desc)
{
	strscpy(desc, hvfb_test_kinds[*kind].desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(hvfb_test_all, hvfb_test_all, hvfb_test_get_desc);

static enum hvfb_test_kind hvfb_test_kind(struct kunit *test)
{
	return *(const enum hvfb_test_kind *)test->param_value;
}

/*
 * The host
 */

struct hvfb_test_host {
	struct kunit *test;
	struct hv_device hdev;
	struct vmbus_channel channel;
	struct task_struct *thread;
	struct completion released;
	bool added, dropped;
	int probe_ret;

	/* Properties of the host. Tests may change them between two binds. */
	bool gen2;
	bool no_cma;		/* nothing that the device can reach */
	bool no_pci;		/* there is no PCI video device */
	bool refuse;		/* any version */
	bool bad_ack;		/* of the video memory's address */
	u16 megabytes;		/* of video memory */
	u16 width, height;	/* default resolution */

	/* Called when the driver closes the channel, before anything else. */
	void (*on_close)(struct hvfb_test_host *host);
	bool called;		/* set by on_close */

	/* What a test has: the driver's framebuffer, open and mapped. */
	struct fb_info *info;
	struct file *file;
	unsigned long addr, npages;
	unsigned long last;	/* page that the screen shows a part of */
	u32 color;

	struct mutex lock;	/* protects what follows, and the host's ends of the rings */
	bool opened;
	bool asked;		/* for updates */
	bool paused;		/* does not read */
	unsigned int opens, closes;
	unsigned int unknown;	/* messages that make no sense */
	unsigned int situs;
	unsigned int dirts;	/* rectangles since hvfb_test_forget() */
	unsigned int bad_dirts;	/* empty, inverted, not on the screen: ever */
	struct rect dirt;	/* bounding box of the dirts */
	struct video_output_situation situ;
	u64 gpa;
	u8 *vram;		/* the video memory */
	u8 *screen;		/* what the host shows */
	size_t screen_size;
};

/* A message to the driver, with a body of @len bytes. Caller holds the lock. */
static void hvfb_test_send(struct hvfb_test_host *host, struct synthvid_msg *msg, u32 type,
			   u32 len)
{
	struct vmbus_channel *channel = &host->channel;
	struct hv_ring_buffer *ring = channel->inbound.ring_buffer;
	u32 at = ring->write_index, padded;
	struct vmpacket_descriptor desc = {
		.type = VM_PKT_DATA_INBAND,
		.offset8 = sizeof(desc) >> 3,
	};

	msg->pipe_hdr.type = PIPE_MSG_DATA;
	msg->pipe_hdr.size = sizeof(msg->vid_hdr) + len;
	msg->vid_hdr.type = type;
	msg->vid_hdr.size = sizeof(msg->vid_hdr) + len;
	len += offsetofend(struct synthvid_msg, vid_hdr);
	padded = ALIGN(len, sizeof(u64));
	desc.len8 = (sizeof(desc) + padded) >> 3;

	/* The ring is mapped twice in a row, so nothing has to be split. */
	memcpy(ring->buffer + at, &desc, sizeof(desc));
	memset(ring->buffer + at + sizeof(desc), 0, padded);
	memcpy(ring->buffer + at + sizeof(desc), msg, len);
	/* The message is complete before the driver can see it. */
	smp_store_release(&ring->write_index, (at + sizeof(desc) + padded + sizeof(u64)) %
			  channel->inbound.ring_datasize);

	tasklet_schedule(&channel->callback_event);
}

/* Whether the driver is to report what is dirty. */
static void hvfb_test_send_feature(struct hvfb_test_host *host, bool dirt)
{
	struct synthvid_msg msg = {};

	msg.feature_chg.is_dirt_needed = dirt;
	hvfb_test_send(host, &msg, SYNTHVID_FEATURE_CHANGE, sizeof(msg.feature_chg));
}

/* Copies a dirty rectangle to the screen. */
static void hvfb_test_dirt(struct hvfb_test_host *host, const struct rect *rect)
{
	const struct video_output_situation *situ = &host->situ;
	s32 y;

	if (rect->x1 < 0 || rect->y1 < 0 || rect->x1 >= rect->x2 || rect->y1 >= rect->y2 ||
	    rect->x2 > situ->width_pixels || rect->y2 > situ->height_pixels ||
	    !host->vram || !host->screen) {
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

static void hvfb_test_situ(struct hvfb_test_host *host,
			   const struct video_output_situation *situ)
{
	size_t size = (size_t)situ->pitch_bytes * situ->height_pixels;

	host->situs++;
	if (situ->depth_bits != 8 * HVFB_TEST_BPP ||
	    situ->pitch_bytes < situ->width_pixels * HVFB_TEST_BPP ||
	    size > host->megabytes * SZ_1M) {
		host->unknown++;
		return;
	}

	host->situ = *situ;
	if (size > host->screen_size) {
		vfree(host->screen);
		host->screen = vzalloc(size);
		host->screen_size = host->screen ? size : 0;
	}
	if (!host->asked) {
		host->asked = true;
		hvfb_test_send_feature(host, true);
	}
}

static void hvfb_test_message(struct hvfb_test_host *host, const struct synthvid_msg *msg)
{
	struct synthvid_supported_resolution_resp *resolutions;
	struct synthvid_msg reply = {};

	switch (msg->vid_hdr.type) {
	case SYNTHVID_VERSION_REQUEST:
		reply.ver_resp.version = msg->ver_req.version;
		reply.ver_resp.is_accepted = !host->refuse;
		hvfb_test_send(host, &reply, SYNTHVID_VERSION_RESPONSE, sizeof(reply.ver_resp));
		break;
	case SYNTHVID_RESOLUTION_REQUEST:
		resolutions = &reply.resolution_resp;
		resolutions->resolution_count = 1;
		resolutions->supported_resolution[0].width = host->width;
		resolutions->supported_resolution[0].height = host->height;
		hvfb_test_send(host, &reply, SYNTHVID_RESOLUTION_RESPONSE, sizeof(*resolutions));
		break;
	case SYNTHVID_VRAM_LOCATION:
		host->gpa = msg->vram.vram_gpa;
		if (host->vram)
			memunmap(host->vram);
		host->vram = memremap(host->gpa, host->megabytes * SZ_1M, MEMREMAP_WB);
		reply.vram_ack.user_ctx = msg->vram.user_ctx + host->bad_ack;
		hvfb_test_send(host, &reply, SYNTHVID_VRAM_LOCATION_ACK, sizeof(reply.vram_ack));
		break;
	case SYNTHVID_SITUATION_UPDATE:
		hvfb_test_situ(host, &msg->situ.video_output[0]);
		break;
	case SYNTHVID_POINTER_POSITION:
	case SYNTHVID_POINTER_SHAPE:
		break;
	case SYNTHVID_DIRT:
		hvfb_test_dirt(host, &msg->dirt.rect[0]);
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
	struct hv_ring_buffer_info *rbi = &host->channel.outbound;
	struct hv_ring_buffer *ring = rbi->ring_buffer;
	struct synthvid_msg msg;
	u32 at, len, offset;

	if (!host->opened || READ_ONCE(host->paused))
		return;
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
 * What the driver calls instead of VMBus and of functions that look at the
 * machine
 */

static struct hvfb_test_host *hvfb_test_host_of(struct vmbus_channel *channel)
{
	return container_of(channel, struct hvfb_test_host, channel);
}

static int hvfb_test_vmbus_open(struct vmbus_channel *channel, u32 send_size, u32 recv_size,
				void *userdata, u32 userdatalen,
				void (*callback)(void *context), void *context)
{
	struct hvfb_test_host *host = hvfb_test_host_of(channel);
	u32 send_pages;
	int ret;

	ret = vmbus_alloc_ring(channel, send_size, recv_size);
	if (ret)
		return ret;

	send_pages = channel->ringbuffer_send_offset;
	ret = hv_ringbuffer_init(&channel->outbound, channel->ringbuffer_page, send_pages, 0);
	if (!ret)
		ret = hv_ringbuffer_init(&channel->inbound,
					 channel->ringbuffer_page + send_pages,
					 channel->ringbuffer_pagecount - send_pages,
					 VMBUS_DEFAULT_MAX_PKT_SIZE);
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
	host->opens++;
	mutex_unlock(&host->lock);

	return 0;
}

static void hvfb_test_vmbus_close(struct vmbus_channel *channel)
{
	struct hvfb_test_host *host = hvfb_test_host_of(channel);

	if (host->on_close)
		host->on_close(host);

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

/* Takes the place of VMBus's MMIO. vmbus_free_mmio() releases it without a stub. */
static int hvfb_test_vmbus_allocate_mmio(struct resource **new, struct hv_device *hdev,
					 resource_size_t min, resource_size_t max,
					 resource_size_t size, resource_size_t align,
					 bool fb_overlap_ok)
{
	resource_size_t at;

	if (!hvfb_test_mmio || size > HVFB_TEST_SLOT_SIZE)
		return -ENXIO;

	for (at = 0; at < HVFB_TEST_MMIO_SIZE; at += HVFB_TEST_SLOT_SIZE) {
		*new = request_mem_region(hvfb_test_mmio + at, size, "hvfb_kunit");
		if (*new)
			return 0;
	}

	return -ENXIO;
}

/* Has the driver released all of it? */
static bool hvfb_test_mmio_is_free(void)
{
	if (!hvfb_test_mmio)
		return true;
	if (!request_mem_region(hvfb_test_mmio, HVFB_TEST_MMIO_SIZE, "hvfb_kunit"))
		return false;
	release_mem_region(hvfb_test_mmio, HVFB_TEST_MMIO_SIZE);

	return true;
}

static bool hvfb_test_is_gen2vm(void)
{
	struct hvfb_test_host *host = kunit_get_current_test()->priv;

	return host->gen2;
}

static int hvfb_test_remove_firmware_fb(bool gen2vm, struct pci_dev **pdev)
{
	struct hvfb_test_host *host = kunit_get_current_test()->priv;

	return host->no_pci ? -ENODEV : 0;
}

static void hvfb_test_stubs(struct kunit *test)
{
	kunit_activate_static_stub(test, vmbus_open, hvfb_test_vmbus_open);
	kunit_activate_static_stub(test, vmbus_close, hvfb_test_vmbus_close);
	kunit_activate_static_stub(test, vmbus_allocate_mmio, hvfb_test_vmbus_allocate_mmio);
	kunit_activate_static_stub(test, hvfb_is_gen2vm, hvfb_test_is_gen2vm);
	kunit_activate_static_stub(test, hvfb_remove_firmware_fb, hvfb_test_remove_firmware_fb);
}

/*
 * The bus
 */

static struct hvfb_test_host *hvfb_test_dev_host(struct device *dev)
{
	return container_of(device_to_hv_device(dev), struct hvfb_test_host, hdev);
}

/* The host that stays has no test, and so no task of one. */
static struct kunit *hvfb_test_enter(struct hvfb_test_host *host)
{
	struct kunit *test = current->kunit_test;

	current->kunit_test = host->test;

	return test;
}

static int hvfb_test_bus_probe(struct device *dev)
{
	struct hvfb_test_host *host = hvfb_test_dev_host(dev);
	struct kunit *test = hvfb_test_enter(host);

	host->probe_ret = hvfb_drv.probe(device_to_hv_device(dev), &id_table[0]);
	current->kunit_test = test;

	return host->probe_ret;
}

static void hvfb_test_bus_remove(struct device *dev)
{
	struct kunit *test = hvfb_test_enter(hvfb_test_dev_host(dev));

	hvfb_drv.remove(device_to_hv_device(dev));
	current->kunit_test = test;
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

static void hvfb_test_dev_release(struct device *device)
{
	struct hvfb_test_host *host = hvfb_test_dev_host(device);

	tasklet_kill(&host->channel.callback_event);
	complete(&host->released);
}

static void hvfb_test_dev_init(struct hvfb_test_host *host)
{
	struct vmbus_channel *channel = &host->channel;
	struct device *device = &host->hdev.device;
	/* Real video devices go by their instance; these are numbered. */
	static atomic_t devices;

	host->hdev.channel = channel;
	channel->device_obj = &host->hdev;
	channel->callback_mode = HV_CALL_BATCHED;
	channel->state = CHANNEL_OPEN_STATE;
	spin_lock_init(&channel->sched_lock);
	INIT_LIST_HEAD(&channel->sc_list);
	hv_ringbuffer_pre_init(channel);
	tasklet_init(&channel->callback_event, vmbus_on_event, (unsigned long)channel);

	/* What vmbus_device_register() sets. */
	device_initialize(device);
	device->bus = &hvfb_test_bus;
	device->release = hvfb_test_dev_release;
	device->dma_parms = &host->hdev.dma_parms;
	device->dma_mask = &host->hdev.dma_mask;
	dma_set_mask(device, DMA_BIT_MASK(64));
	if (host->no_cma)
		device->bus_dma_limit = 1;
	dev_set_name(device, "hvfb_kunit%d", atomic_inc_return(&devices));
}

/* Returns what probe returns. */
static int hvfb_test_bind(struct hvfb_test_host *host)
{
	struct device *device = &host->hdev.device;
	int ret;

	/* As it is reported with each offer of the host. */
	host->channel.offermsg.offer.mmio_megabytes = host->megabytes;
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
	device_release_driver(&host->hdev.device);
}

/* Takes the device away. */
static void hvfb_test_drop(struct hvfb_test_host *host)
{
	if (host->dropped)
		return;
	host->dropped = true;
	if (host->added)
		device_del(&host->hdev.device);
	put_device(&host->hdev.device);
}

static void hvfb_test_host_destroy(void *data)
{
	struct hvfb_test_host *host = data;

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

/* A host with a device that is not bound yet, or NULL. */
static struct hvfb_test_host *hvfb_test_host_create(struct kunit *test, enum hvfb_test_kind kind)
{
	struct hvfb_test_host *host = kzalloc(sizeof(*host), GFP_KERNEL);

	if (!host)
		return NULL;
	host->thread = kthread_create(hvfb_test_thread, host, "hvfb_kunit");
	if (IS_ERR(host->thread)) {
		kfree(host);
		return NULL;
	}
	host->test = test;
	host->gen2 = kind == HVFB_TEST_GEN2;
	host->no_cma = kind == HVFB_TEST_FALLBACK;
	host->megabytes = hvfb_test_kinds[kind].megabytes;
	host->width = 800;
	host->height = 600;
	mutex_init(&host->lock);
	init_completion(&host->released);
	hvfb_test_dev_init(host);
	test->priv = host;
	hvfb_test_stubs(test);
	wake_up_process(host->thread);

	return host;
}

static struct hvfb_test_host *hvfb_test_host(struct kunit *test, enum hvfb_test_kind kind)
{
	struct hvfb_test_host *host;

	if ((kind == HVFB_TEST_GEN2 || kind == HVFB_TEST_FALLBACK) && !hvfb_test_mmio)
		kunit_skip(test, "no MMIO, see the command line in hyperv_fb.kunitconfig");
	if (kind == HVFB_TEST_CMA && !totalcma_pages)
		kunit_skip(test, "no CMA, see the command line in hyperv_fb.kunitconfig");

	host = hvfb_test_host_create(test, kind);
	KUNIT_ASSERT_NOT_NULL(test, host);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, hvfb_test_host_destroy, host), 0);

	return host;
}

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

static int hvfb_test_init(struct kunit *test)
{
	if (!hvfb_test_mnt)
		kunit_skip(test, "not on Hyper-V, nor with kunit_host=1");

	return 0;
}

static int hvfb_test_suite_init(struct kunit_suite *suite)
{
	struct vfsmount *mnt;
	int ret;

	if (hv_is_hyperv_initialized() || hvfb_test_kept)
		return 0;
	if (hvfb_test_mmio &&
	    region_intersects(hvfb_test_mmio, HVFB_TEST_MMIO_SIZE, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return -EINVAL;

	/* It takes memory, and tests compare how much is free. */
	wait_for_initramfs();
	hvfb_test_vmbus_version = vmbus_proto_version;
	vmbus_proto_version = VERSION_WIN10;
	ret = hvfb_test_register();
	if (ret)
		return ret;
	mnt = kern_mount(&hvfb_test_fs_type);
	if (IS_ERR(mnt)) {
		hvfb_test_unregister();
		return PTR_ERR(mnt);
	}
	hvfb_test_mnt = mnt;

	return 0;
}

static void hvfb_test_suite_exit(struct kunit_suite *suite)
{
	if (!hvfb_test_mnt)
		return;
	hvfb_test_unregister();
	kern_unmount(hvfb_test_mnt);
	vmbus_proto_version = hvfb_test_vmbus_version;
}

static void hvfb_test_unmap(struct hvfb_test_host *host)
{
	KUNIT_EXPECT_EQ(host->test, vm_munmap(host->addr, host->npages << PAGE_SHIFT), 0);
}

/* Closes now, as the last one: mappings that are left go with the thread of the test. */
static void hvfb_test_fput(void *data)
{
	struct file *file = data;
	unsigned long deadline = jiffies + HVFB_TEST_WAIT;

	while (file_count(file) > 1 && time_before(jiffies, deadline))
		usleep_range(500, 1000);
	__fput_sync(file);
}

/*
 * Fixture: the driver is bound, and its framebuffer is open and mapped
 */

/* Evaluates the condition until it is true. */
#define hvfb_test_wait(test, condition)						\
do {										\
	unsigned long __deadline = jiffies + HVFB_TEST_WAIT;			\
	bool __met;								\
										\
	while (!(__met = (condition)) && time_before(jiffies, __deadline))	\
		usleep_range(500, 1000);					\
	KUNIT_ASSERT_TRUE_MSG(test, __met, "not within 4 minutes: " #condition);	\
} while (0)

static struct hvfb_par *hvfb_test_par(struct hvfb_test_host *host)
{
	return host->info->par;
}

/* Is the video memory in MMIO, with a copy in vmalloc() memory for user space? */
static bool hvfb_test_is_mmio(struct hvfb_test_host *host)
{
	return host->gpa >= hvfb_test_mmio && host->gpa < hvfb_test_mmio + HVFB_TEST_MMIO_SIZE;
}

/* Bytes that the screen shows; what lies behind is part of the mapping only. */
static unsigned long hvfb_test_visible(struct hvfb_test_host *host)
{
	return host->info->fix.line_length * host->info->var.yres;
}

/* Opens the framebuffer and maps it. */
static void hvfb_test_open(struct hvfb_test_host *host)
{
	struct kunit *test = host->test;
	struct path path = { .mnt = hvfb_test_mnt };
	struct inode *inode = alloc_anon_inode(hvfb_test_mnt->mnt_sb);
	unsigned long addr;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, inode);
	init_special_inode(inode, S_IFCHR | 0600, MKDEV(FB_MAJOR, host->info->node));
	path.dentry = d_obtain_alias(inode); /* takes the inode, on errors, too */
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, path.dentry);
	host->file = dentry_open(&path, O_RDWR, current_cred());
	dput(path.dentry);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, host->file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, hvfb_test_fput, host->file), 0);

	host->npages = PFN_UP(host->info->fix.smem_len);
	addr = fault_kunit_mmap(test, host->file, 0, host->npages, PROT_RDWR, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	host->addr = addr;
}

/* Binds the driver, which has to succeed, and opens and maps its framebuffer. */
static void hvfb_test_start(struct hvfb_test_host *host)
{
	struct kunit *test = host->test;

	KUNIT_ASSERT_EQ(test, hvfb_test_bind(host), 0);
	host->info = hv_get_drvdata(&host->hdev);
	KUNIT_ASSERT_NOT_NULL(test, host->info);
	hvfb_test_wait(test, READ_ONCE(hvfb_test_par(host)->update));
	tasklet_unlock_wait(&host->channel.callback_event);
	/* What the driver answered to that. */
	hvfb_test_poll(host);
	KUNIT_ASSERT_EQ(test, hvfb_test_is_mmio(host),
			host->gen2 || (host->no_cma && host->megabytes > 4));
	host->last = (hvfb_test_visible(host) - 1) >> PAGE_SHIFT;
	hvfb_test_open(host);
}

static struct hvfb_test_host *hvfb_test_setup(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_host(test, hvfb_test_kind(test));

	hvfb_test_start(host);

	return host;
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

/* A program draws, by its mapping. */
static void hvfb_test_draw(struct hvfb_test_host *host, unsigned long first, unsigned long last,
			   u32 seed)
{
	unsigned long page, at;

	for (page = first; page <= last; page++) {
		at = hvfb_test_place(page);
		KUNIT_ASSERT_EQ(host->test, put_user(hvfb_test_pixel(at, seed),
						     (u32 __user *)(host->addr + at)), 0);
	}
}

/* Is what was drawn in the framebuffer? */
static void hvfb_test_expect_drawn(struct hvfb_test_host *host, unsigned long first,
				   unsigned long last, u32 seed)
{
	unsigned long page, at, bad = 0;

	for (page = first; page <= last; page++) {
		at = hvfb_test_place(page);
		bad += *(u32 *)(host->info->screen_buffer + at) != hvfb_test_pixel(at, seed);
	}
	KUNIT_EXPECT_EQ(host->test, bad, 0);
}

/* The console draws. */
static void hvfb_test_fill(struct hvfb_test_host *host, u32 x, u32 y, u32 width, u32 height)
{
	struct fb_fillrect rect = {
		.dx = x, .dy = y, .width = width, .height = height, .color = 15, .rop = ROP_COPY,
	};

	/* Another color each time, or nothing would change. */
	((u32 *)host->info->pseudo_palette)[15] = ++host->color;
	host->info->fbops->fb_fillrect(host->info, &rect);
}

/* Runs the delayed work of drawing operations now. */
static void hvfb_test_flush_drawing(struct hvfb_test_host *host)
{
	flush_delayed_work(&hvfb_test_par(host)->dwork);
	hvfb_test_poll(host);
}

/* Calls fsync(), and has the host take what was sent. */
static void hvfb_test_flush(struct hvfb_test_host *host)
{
	KUNIT_ASSERT_EQ(host->test, vfs_fsync(host->file, 0), 0);
	hvfb_test_poll(host);
}

static void hvfb_test_forget(struct hvfb_test_host *host)
{
	hvfb_test_flush_drawing(host);
	mutex_lock(&host->lock);
	host->dirts = 0;
	mutex_unlock(&host->lock);
}

/* Does the host show the framebuffer as it is? Not KUNIT_EXPECT_MEMEQ(), which prints it. */
static void hvfb_test_expect_shown(struct hvfb_test_host *host)
{
	struct fb_info *info = host->info;

	mutex_lock(&host->lock);
	KUNIT_EXPECT_EQ(host->test, host->situ.width_pixels, info->var.xres);
	KUNIT_EXPECT_EQ(host->test, host->situ.height_pixels, info->var.yres);
	KUNIT_EXPECT_EQ(host->test, host->situ.pitch_bytes, info->fix.line_length);
	KUNIT_EXPECT_GE(host->test, host->screen_size, hvfb_test_visible(host));
	if (host->screen_size >= hvfb_test_visible(host))
		KUNIT_EXPECT_EQ(host->test, memcmp(host->screen, info->screen_buffer,
						   hvfb_test_visible(host)), 0);
	mutex_unlock(&host->lock);
}

/* The host has been told of these rows, all of their width, and of no others. */
static void hvfb_test_expect_rows(struct hvfb_test_host *host, s32 y1, s32 y2)
{
	mutex_lock(&host->lock);
	/* More than one if the work ran while the test was drawing. */
	KUNIT_EXPECT_GE(host->test, host->dirts, 1);
	KUNIT_EXPECT_EQ(host->test, host->dirt.x1, 0);
	KUNIT_EXPECT_EQ(host->test, host->dirt.x2, host->info->var.xres);
	KUNIT_EXPECT_EQ(host->test, host->dirt.y1, y1);
	KUNIT_EXPECT_EQ(host->test, host->dirt.y2, y2);
	mutex_unlock(&host->lock);
}

static void hvfb_test_set_mode(struct hvfb_test_host *host, u32 xres, u32 yres, int ret)
{
	struct fb_var_screeninfo var = host->info->var;

	var.xres = xres;
	var.yres = yres;
	console_lock();
	KUNIT_EXPECT_EQ(host->test, fb_set_var(host->info, &var), ret);
	console_unlock();
}

/* What is drawn by a mapping arrives, with the rows that were drawn to and no others. */
static void test_picture(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	u32 pitch = host->info->fix.line_length;
	const unsigned long pages[] = { 0, 1, 2, host->last / 2, host->last - 1, host->last };
	unsigned int i;

	hvfb_test_forget(host);
	hvfb_test_draw(host, 0, host->last, 1);
	hvfb_test_flush(host);
	hvfb_test_expect_rows(host, 0, host->info->var.yres);
	hvfb_test_expect_drawn(host, 0, host->last, 1);
	hvfb_test_expect_shown(host);

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		u32 start = pages[i] << PAGE_SHIFT, end = start + PAGE_SIZE - 1;

		hvfb_test_forget(host);
		hvfb_test_draw(host, pages[i], pages[i], 2 + i);
		hvfb_test_flush(host);
		hvfb_test_expect_rows(host, start / pitch,
				      min(end / pitch + 1, host->info->var.yres));
		hvfb_test_expect_shown(host);
	}
}

/* Without a dirty page on the screen there is nothing to tell. */
static void test_nothing_to_show(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	unsigned long behind;

	/* With an empty list, as after suspend. */
	hvfb_test_forget(host);
	KUNIT_EXPECT_TRUE(test, schedule_delayed_work(&host->info->deferred_work, HZ));
	flush_delayed_work(&host->info->deferred_work);
	hvfb_test_poll(host);
	KUNIT_EXPECT_EQ(test, host->dirts, 0);

	/* So that there is memory behind the screen, whatever the kind. */
	hvfb_test_set_mode(host, 640, 480, 0);
	behind = PFN_UP(hvfb_test_visible(host));
	hvfb_test_forget(host);
	hvfb_test_draw(host, behind, host->npages - 1, 1);
	hvfb_test_flush(host);
	KUNIT_EXPECT_EQ(test, host->dirts, 0);
	hvfb_test_expect_drawn(host, behind, host->npages - 1, 1);
}

/* write() is drawing, too. */
static void test_write(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	u32 pitch = host->info->fix.line_length;
	const loff_t starts[] = { 0, pitch - 4, 10 * pitch, hvfb_test_visible(host) - 4096 };
	unsigned long addr = kunit_vm_mmap(test, NULL, 0, SZ_4K, PROT_RDWR,
					   MAP_PRIVATE | MAP_ANONYMOUS, 0);
	unsigned int i;
	loff_t pos;

	KUNIT_ASSERT_NE(test, addr, 0);
	for (i = 0; i < SZ_4K / sizeof(u32); i++)
		KUNIT_ASSERT_EQ(test, put_user(hvfb_test_pixel(i, 7), (u32 __user *)addr + i), 0);

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		u32 first = starts[i];

		hvfb_test_forget(host);
		pos = first;
		KUNIT_EXPECT_EQ(test, vfs_write(host->file, (void __user *)addr, SZ_4K, &pos),
				SZ_4K);
		hvfb_test_flush_drawing(host);
		hvfb_test_expect_rows(host, first / pitch, (first + SZ_4K - 1) / pitch + 1);
		KUNIT_EXPECT_EQ(test, *(u32 *)(host->info->screen_buffer + first),
				hvfb_test_pixel(0, 7));
		hvfb_test_expect_shown(host);
	}
}

/* Nothing is told to a host that does not want to know; later it gets all of it. */
static void test_feature_change(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);

	hvfb_test_forget(host);
	mutex_lock(&host->lock);
	hvfb_test_send_feature(host, false);
	mutex_unlock(&host->lock);
	hvfb_test_wait(test, !READ_ONCE(hvfb_test_par(host)->update));
	hvfb_test_draw(host, 100, 200, 1);
	hvfb_test_flush(host);
	KUNIT_EXPECT_EQ(test, host->dirts, 0);

	mutex_lock(&host->lock);
	hvfb_test_send_feature(host, true);
	mutex_unlock(&host->lock);
	hvfb_test_wait(test, READ_ONCE(hvfb_test_par(host)->update));
	/* The work is queued after that has been set. */
	tasklet_unlock_wait(&host->channel.callback_event);
	hvfb_test_flush_drawing(host);
	hvfb_test_expect_rows(host, 0, host->info->var.yres);
	hvfb_test_expect_shown(host);
}

/*
 * A smaller mode: what is dirty is cut to it, and what is left is shown. What is
 * drawn beyond it is shown when the mode is large enough again.
 */
static void test_smaller_mode(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	unsigned int situs = host->situs;
	unsigned long behind;

	hvfb_test_forget(host);
	hvfb_test_set_mode(host, 640, 480, 0);
	hvfb_test_flush_drawing(host);
	KUNIT_EXPECT_EQ(test, host->situs, situs + 1);
	hvfb_test_expect_rows(host, 0, 480);

	hvfb_test_forget(host);
	hvfb_test_fill(host, 600, 400, 100, 100);
	hvfb_test_flush_drawing(host);
	KUNIT_EXPECT_EQ(test, host->dirts, 1);
	KUNIT_EXPECT_EQ(test, host->dirt.x1, 600);
	KUNIT_EXPECT_EQ(test, host->dirt.x2, 640);
	KUNIT_EXPECT_EQ(test, host->dirt.y1, 400);
	KUNIT_EXPECT_EQ(test, host->dirt.y2, 480);

	/* A mode that is larger than the memory is laid out for is refused. */
	hvfb_test_set_mode(host, 1024, 768, -EINVAL);

	hvfb_test_forget(host);
	behind = PFN_UP(hvfb_test_visible(host));
	hvfb_test_draw(host, behind, host->last, 1);
	hvfb_test_flush(host);
	KUNIT_EXPECT_EQ(test, host->dirts, 0);
	hvfb_test_set_mode(host, 800, 600, 0);
	hvfb_test_flush_drawing(host);
	hvfb_test_expect_rows(host, 0, 600);
	hvfb_test_expect_drawn(host, behind, host->last, 1);
	hvfb_test_expect_shown(host);
}

/* A host that does not read for a while gets all of it later. */
static void test_ring_full(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	struct hv_ring_buffer_info *ring = &host->channel.outbound;
	unsigned int i;

	hvfb_test_forget(host);
	WRITE_ONCE(host->paused, true);
	hvfb_test_poll(host);
	/* A message of this kind takes 64 bytes. */
	for (i = 0; i < RING_BUFSIZE / 64 && hv_get_bytes_to_write(ring) > 64; i++) {
		hvfb_test_fill(host, 0, 0, 16, 16);
		flush_delayed_work(&hvfb_test_par(host)->dwork);
	}
	KUNIT_ASSERT_LE(test, hv_get_bytes_to_write(ring), 64);
	hvfb_test_draw(host, 100, 200, 1);
	hvfb_test_flush(host);
	hvfb_test_fill(host, 300, 400, 16, 16);
	hvfb_test_flush_drawing(host);

	WRITE_ONCE(host->paused, false);
	hvfb_test_poll(host);
	/* The first one may have been under way. */
	hvfb_test_flush_drawing(host);
	hvfb_test_flush_drawing(host);
	hvfb_test_expect_shown(host);
}

/*
 * How many references there are to all pages of the framebuffer. A flush holds one to
 * the page that it looks at, so the worker waits until they have been counted.
 */
static unsigned long hvfb_test_references(struct hvfb_test_host *host)
{
	struct delayed_work *work = &host->info->deferred_work;
	char *at = host->info->screen_buffer;
	bool queued = cancel_delayed_work_sync(work);
	unsigned long i, sum = 0;

	for (i = 0; i < host->npages; i++, at += PAGE_SIZE)
		sum += page_ref_count(is_vmalloc_addr(at) ? vmalloc_to_page(at) : virt_to_page(at));
	if (queued)
		schedule_delayed_work(work, 0);

	return sum;
}

/* Is it a contiguous mapping, which takes no references? */
static bool hvfb_test_is_pfnmap(unsigned long addr)
{
	struct vm_area_struct *vma;
	bool ret;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	ret = vma && vma->vm_flags & VM_PFNMAP;
	mmap_read_unlock(current->mm);

	return ret;
}

/*
 * What people do: a program maps, draws, exits; and the driver is unbound. The
 * pages are nobody else's until then.
 */
static void test_again_and_again(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	unsigned int round, program, seed = 0;
	unsigned long references;
	bool pfnmap;

	for (round = 0; round < 3; round++) {
		references = hvfb_test_references(host);
		for (program = 0; program < 3; program++) {
			if (program)
				hvfb_test_open(host);
			hvfb_test_draw(host, 0, host->last, ++seed);
			pfnmap = hvfb_test_is_pfnmap(host->addr);
			KUNIT_EXPECT_GE(test, references, pfnmap ? 1 : host->npages);
			KUNIT_EXPECT_EQ(test, hvfb_test_references(host),
					references + (pfnmap ? 0 : host->last + 1));
			hvfb_test_unmap(host);
			kunit_release_action(test, hvfb_test_fput, host->file);
			KUNIT_EXPECT_EQ(test, hvfb_test_references(host), references);
			hvfb_test_expect_drawn(host, 0, host->last, seed);
			hvfb_test_poll(host);
			hvfb_test_expect_shown(host);
		}
		hvfb_test_unbind(host);
		if (round < 2)
			hvfb_test_start(host);
	}
}

/*
 * Unbind while mapped and open, rebind at another size, close the old file. What
 * was written last is shown, and the old file frees what is its own.
 */
static void test_unbind_mapped(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	unsigned long old_addr = host->addr, old_npages = host->npages;
	struct file *old_file = host->file;
	bool readable = hvfb_test_is_mmio(host);
	u8 value;

	/* It is bound to memory of another kind again. */
	if (host->megabytes == 4 && !totalcma_pages)
		kunit_skip(test, "no CMA, see the command line in hyperv_fb.kunitconfig");
	hvfb_test_draw(host, 0, host->last, 1);
	hvfb_test_flush(host);
	hvfb_test_forget(host);
	hvfb_test_draw(host, 0, host->last, 2);
	hvfb_test_unbind(host);
	KUNIT_EXPECT_PTR_EQ(test, host->hdev.device.driver, NULL);
	hvfb_test_expect_rows(host, 0, host->info->var.yres);
	hvfb_test_expect_drawn(host, 0, host->last, 2);
	hvfb_test_expect_shown(host);

	/* A larger screen in less memory: from another allocator, and of another size. */
	host->width = 1024;
	host->height = 768;
	host->megabytes = host->megabytes == 4 ? 8 : 4;
	hvfb_test_start(host);
	/* Page-backed: what was mapped is still readable, and no more. */
	KUNIT_EXPECT_EQ(test, fault_kunit_read(old_addr, &value), readable ? 0 : -EFAULT);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(old_addr, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, old_file, 0, 1, PROT_RDWR, MAP_SHARED),
			(unsigned long)-ENODEV);
	KUNIT_EXPECT_EQ(test, vfs_fsync(old_file, 0), 0);
	KUNIT_ASSERT_EQ(test, vm_munmap(old_addr, old_npages << PAGE_SHIFT), 0);

	hvfb_test_draw(host, 0, host->last, 3);
	kunit_release_action(test, hvfb_test_fput, old_file);
	hvfb_test_draw(host, 0, host->last / 2, 4);
	hvfb_test_flush(host);
	hvfb_test_expect_drawn(host, 0, host->last / 2, 4);
	hvfb_test_expect_drawn(host, host->last / 2 + 1, host->last, 3);
	hvfb_test_expect_shown(host);
	hvfb_test_unmap(host);
	kunit_release_action(test, hvfb_test_fput, host->file);
	hvfb_test_unbind(host);
	KUNIT_EXPECT_TRUE(test, hvfb_test_mmio_is_free());
}

/* The file is the last user of the device, long after it is gone from the bus. */
static void test_device_outlived(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);

	hvfb_test_draw(host, 0, 8, 1);
	hvfb_test_drop(host);
	/* Memory from CMA is freed by its device. */
	KUNIT_EXPECT_EQ(test, completion_done(&host->released),
			hvfb_test_kind(test) != HVFB_TEST_CMA);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(host->addr, 1), -EFAULT);
	hvfb_test_unmap(host);
	kunit_release_action(test, hvfb_test_fput, host->file);
	hvfb_test_wait(test, completion_done(&host->released));
	KUNIT_EXPECT_TRUE(test, hvfb_test_mmio_is_free());
}

/* Everything that user space and fbcon can do while remove has come this far. */
static void hvfb_test_window(struct hvfb_test_host *host)
{
	struct kunit *test = host->test;
	struct delayed_work *work = &hvfb_test_par(host)->dwork;
	unsigned long deadline;

	KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, host->file, 0, 1, PROT_RDWR, MAP_SHARED),
			(unsigned long)-ENODEV);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(host->addr, 1), -EFAULT);
	hvfb_test_fill(host, 0, 0, 64, 16);
	hvfb_test_set_mode(host, 640, 480, 0);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(work));
	mutex_lock(&host->lock);
	hvfb_test_send_feature(host, true);
	mutex_unlock(&host->lock);
	/* The driver holds locks: no assertion here may end the test. */
	deadline = jiffies + HVFB_TEST_WAIT;
	while (hv_get_bytes_to_read(&host->channel.inbound) && time_before(jiffies, deadline))
		usleep_range(500, 1000);
	tasklet_unlock_wait(&host->channel.callback_event);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(work));
	host->called = true;
}

/* The framebuffer is still registered when the channel is closed. */
static void test_remove_window(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	unsigned int situs = host->situs;

	/* Work that is pending already would not be queued once more. */
	hvfb_test_forget(host);
	hvfb_test_draw(host, 0, 8, 1);
	host->on_close = hvfb_test_window;
	hvfb_test_unbind(host);
	KUNIT_EXPECT_TRUE(test, host->called);
	KUNIT_EXPECT_EQ(test, host->situs, situs);
	/* The file keeps the framebuffer alive. */
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&hvfb_test_par(host)->dwork));
}

/* What is written before and during suspend is shown after a resume that succeeds. */
static void test_suspend(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	unsigned long quarter = host->last / 4;
	unsigned int round;

	for (round = 0; round < 2; round++) {
		hvfb_test_draw(host, 0, 2 * quarter, round);
		KUNIT_ASSERT_EQ(test, hvfb_drv.suspend(&host->hdev), 0);
		KUNIT_EXPECT_FALSE(test, host->opened);
		/* On pages that were on the list and on others, and flushed. */
		hvfb_test_draw(host, quarter, 3 * quarter, round);
		vfs_fsync(host->file, 0);
		hvfb_test_draw(host, quarter, 3 * quarter, round + 10);
		hvfb_test_set_mode(host, 640, 480, 0);
		hvfb_test_set_mode(host, 800, 600, 0);

		host->refuse = true;
		KUNIT_EXPECT_EQ(test, hvfb_drv.resume(&host->hdev), -ENODEV);
		KUNIT_ASSERT_EQ(test, hvfb_drv.suspend(&host->hdev), 0);
		host->refuse = false;
		KUNIT_ASSERT_EQ(test, hvfb_drv.resume(&host->hdev), 0);
		hvfb_test_wait(test, host->asked);
		hvfb_test_flush_drawing(host);
		hvfb_test_expect_drawn(host, quarter, 3 * quarter, round + 10);
		hvfb_test_expect_shown(host);
		/* Also what nobody tells the driver any more. */
		hvfb_test_draw(host, quarter, 2 * quarter, round + 20);
		hvfb_test_flush(host);
		hvfb_test_expect_drawn(host, quarter, 2 * quarter, round + 20);
		hvfb_test_fill(host, 10, 20, 30, 40);
		hvfb_test_flush_drawing(host);
		hvfb_test_expect_shown(host);
	}
	/* Unbind works after a resume that failed, too. */
	KUNIT_ASSERT_EQ(test, hvfb_drv.suspend(&host->hdev), 0);
	host->refuse = true;
	KUNIT_EXPECT_EQ(test, hvfb_drv.resume(&host->hdev), -ENODEV);
}

/* After resume, the host offers another resolution: the memory has not changed. */
static void test_resume_other_resolution(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);

	KUNIT_ASSERT_EQ(test, hvfb_drv.suspend(&host->hdev), 0);
	host->width = 1024;
	host->height = 1024;
	KUNIT_ASSERT_EQ(test, hvfb_drv.resume(&host->hdev), 0);
	hvfb_test_poll(host);
	KUNIT_EXPECT_EQ(test, host->situ.width_pixels, 800);
	hvfb_test_set_mode(host, 1024, 1024, -EINVAL);
}

/* The panic notifier shows everything at once, and nothing without a channel. */
static void test_panic(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_setup(test);
	struct hvfb_par *par = hvfb_test_par(host);

	hvfb_test_forget(host);
	hvfb_test_draw(host, 3, 30, 1);
	par->hvfb_panic_nb.notifier_call(&par->hvfb_panic_nb, 0, NULL);
	hvfb_test_poll(host);
	hvfb_test_expect_rows(host, 0, host->info->var.yres);
	hvfb_test_expect_shown(host);

	/* From there on, the console is shown without a worker. */
	hvfb_test_forget(host);
	hvfb_test_fill(host, 100, 200, 16, 16);
	hvfb_test_poll(host);
	KUNIT_EXPECT_GE(test, host->dirts, 1);
	hvfb_test_expect_shown(host);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&par->dwork));
	par->synchronous_fb = false;

	KUNIT_ASSERT_EQ(test, hvfb_drv.suspend(&host->hdev), 0);
	par->hvfb_panic_nb.notifier_call(&par->hvfb_panic_nb, 0, NULL);
	KUNIT_EXPECT_FALSE(test, par->synchronous_fb);
	KUNIT_ASSERT_EQ(test, hvfb_drv.resume(&host->hdev), 0);
}

/* Pages that are not free. What waits to be freed counts as free. */
static unsigned long hvfb_test_used_pages(void)
{
	vm_unmap_aliases();
	drain_all_pages(NULL);

	return totalram_pages() - global_zone_page_state(NR_FREE_PAGES);
}

/* Memory is given back by a probe that fails after it, and by unbind. */
static void test_probe_unwinds(struct kunit *test)
{
	struct hvfb_test_host *host = hvfb_test_host(test, hvfb_test_kind(test));
	unsigned long used = hvfb_test_used_pages();
	unsigned int i;

	host->no_pci = true;
	KUNIT_EXPECT_EQ(test, hvfb_test_bind(host), -ENODEV);
	host->no_pci = false;
	/* More often than MMIO and CMA last, if they were not given back. */
	for (i = 0; i < 24; i++) {
		host->bad_ack = i < 12;
		KUNIT_ASSERT_EQ(test, hvfb_test_bind(host), host->bad_ack ? -ENODEV : 0);
		hvfb_test_unbind(host);
		KUNIT_EXPECT_EQ(test, host->closes, i + 2);
		KUNIT_EXPECT_TRUE(test, hvfb_test_mmio_is_free());
	}
	/* Others use some, too, but not this many. */
	used = hvfb_test_used_pages() - used;
	KUNIT_EXPECT_LT(test, (long)used, (long)(6 * PHYS_PFN(host->megabytes * SZ_1M)));
}

static void hvfb_test_firmware_put(void *data)
{
	struct platform_device *pdev = data;

	if (device_is_registered(&pdev->dev))
		platform_device_unregister(pdev);
	put_device(&pdev->dev);
}

/* What firmware has set up on the machine that runs the tests stays. */
static void test_firmware_framebuffer(struct kunit *test)
{
	struct platform_device *pdev;

	if (!IS_ENABLED(CONFIG_APERTURE_HELPERS))
		kunit_skip(test, "nothing is removed without APERTURE_HELPERS");
	pdev = platform_device_register_simple("hvfb_kunit_firmware", PLATFORM_DEVID_NONE, NULL, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pdev);
	get_device(&pdev->dev);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, hvfb_test_firmware_put, pdev), 0);

	/* As efifb does. A driver that wants it to go has the device unregistered. */
	KUNIT_EXPECT_EQ(test, devm_aperture_acquire_for_platform_device(pdev, hvfb_test_mmio,
									HVFB_TEST_MMIO_SIZE), 0);
	hvfb_test_setup(test);
	KUNIT_EXPECT_TRUE(test, device_is_registered(&pdev->dev));
}

static struct kunit_case hvfb_test_cases[] = {
	KUNIT_CASE_PARAM(test_picture, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_nothing_to_show, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_write, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_feature_change, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_smaller_mode, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_ring_full, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_again_and_again, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_unbind_mapped, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_device_outlived, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_remove_window, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_suspend, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_resume_other_resolution, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_panic, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_probe_unwinds, hvfb_test_all_gen_params),
	KUNIT_CASE_PARAM(test_firmware_framebuffer, hvfb_test_all_gen_params),
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
	static struct kunit test;
	struct hvfb_test_host *host;
	struct dentry *dir;
	int ret;

	if (!hvfb_test_kept || hv_is_hyperv_initialized())
		return 0;

	ret = hvfb_test_register();
	if (ret)
		return ret;
	/* Static stubs belong to a running test: here, to one that never ends. */
	kunit_init_test(&test, "kunit_host", NULL);
	static_branch_inc(&kunit_running);
	host = hvfb_test_host_create(&test, HVFB_TEST_ALLOC_PAGES);
	if (!host)
		return -ENOMEM;
	host->width = 640;
	host->height = 480;
	dir = debugfs_create_dir("hyperv_fb_kunit", NULL);
	debugfs_create_file("screen", 0400, dir, host, &hvfb_test_screen_fops);
	debugfs_create_u32("rectangles", 0400, dir, &host->dirts);
	debugfs_create_u32("bad_rectangles", 0400, dir, &host->bad_dirts);

	return hvfb_test_bind(host);
}
late_initcall(hvfb_test_keep);
