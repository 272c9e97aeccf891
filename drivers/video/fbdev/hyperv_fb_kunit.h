/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit suite of hyperv_fb puts between the driver and VMBus. Its
 * functions do what they are named after, except for the suite's own devices.
 *
 * KUnit's static stubs would do for less: they act in the test's own task only,
 * and fb_destroy, for instance, runs in the task of the last close.
 */
#ifndef _HYPERV_FB_KUNIT_H
#define _HYPERV_FB_KUNIT_H

#if IS_ENABLED(CONFIG_FB_HYPERV_KUNIT_TEST)

static int hvfb_test_vmbus_open(struct vmbus_channel *channel, u32 send_size, u32 recv_size,
				void *userdata, u32 userdatalen,
				void (*callback)(void *context), void *context);
static void hvfb_test_vmbus_close(struct vmbus_channel *channel);
static int hvfb_test_vmbus_allocate_mmio(struct resource **new, struct hv_device *hdev,
					 resource_size_t min, resource_size_t max,
					 resource_size_t size, resource_size_t align,
					 bool fb_overlap_ok);
static void hvfb_test_vmbus_free_mmio(resource_size_t start, resource_size_t size);
static struct pci_dev *hvfb_test_pci_get_device(unsigned int vendor, unsigned int device,
						struct pci_dev *from);
static bool hvfb_test_efi_enabled(int feature);

#define vmbus_open hvfb_test_vmbus_open
#define vmbus_close hvfb_test_vmbus_close
#define vmbus_allocate_mmio hvfb_test_vmbus_allocate_mmio
#define vmbus_free_mmio hvfb_test_vmbus_free_mmio
#define pci_get_device hvfb_test_pci_get_device
#define efi_enabled hvfb_test_efi_enabled

#endif

#endif /* _HYPERV_FB_KUNIT_H */
