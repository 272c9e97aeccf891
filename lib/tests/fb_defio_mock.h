/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mock framebuffer device for the tests of fbdev's deferred I/O.
 *
 * KUnit creates devices with fb_defio_mock_create(); user space creates them
 * by writing "key=value ..." to the file "create" in the debugfs directory
 * fb_defio_mock. Both get the same platform device and the same driver.
 */
#ifndef _LIB_TESTS_FB_DEFIO_MOCK_H
#define _LIB_TESTS_FB_DEFIO_MOCK_H

#include <linux/types.h>

struct fb_defio_mock;
struct fb_info;

/**
 * enum fb_defio_mock_mem - where the framebuffer's memory comes from
 * @FB_DEFIO_MOCK_VMALLOC: vzalloc(), page-backed
 * @FB_DEFIO_MOCK_GET_PAGE: single pages handed out by fbdefio->get_page,
 *	page-backed; the linear view for the driver is a vmap() of them
 * @FB_DEFIO_MOCK_FILE: the same with pages of a shmem file
 * @FB_DEFIO_MOCK_ALLOC_PAGES: one alloc_pages() allocation, no __GFP_COMP
 * @FB_DEFIO_MOCK_FREE_PAGES: one __get_free_pages() allocation
 * @FB_DEFIO_MOCK_KMALLOC: kzalloc() of a power of two, at least a page
 * @FB_DEFIO_MOCK_DMA_PAGES: dma_alloc_pages(); CMA where the size asks for it
 * @FB_DEFIO_MOCK_NR_MEM: number of kinds
 */
enum fb_defio_mock_mem {
	FB_DEFIO_MOCK_VMALLOC,
	FB_DEFIO_MOCK_GET_PAGE,
	FB_DEFIO_MOCK_FILE,
	FB_DEFIO_MOCK_ALLOC_PAGES,
	FB_DEFIO_MOCK_FREE_PAGES,
	FB_DEFIO_MOCK_KMALLOC,
	FB_DEFIO_MOCK_DMA_PAGES,
	FB_DEFIO_MOCK_NR_MEM
};

/**
 * struct fb_defio_mock_params - what fb_defio_mock_create() makes
 * @mem: memory kind
 * @len: fix.smem_len in bytes, need not be a multiple of the page size;
 *	0 means @xres * @yres_virtual * 4
 * @max_len: what fb_defio_mock_realloc() can make of @len; 0 means @len
 * @xres: visible pixels per row, XRGB8888; 0 picks a geometry that fits @len
 * @yres: visible rows
 * @yres_virtual: rows, of which @yres are visible at a time; 0 means @yres
 * @delay_ms: fb_deferred_io.delay in milliseconds
 * @panel_ms: time that the panel takes for each flush, in milliseconds
 * @panel_error: the panel refuses every transfer (counted, nothing copied)
 * @sort: fb_deferred_io.sort_pagereflist
 * @free_in_destroy: free the memory and struct fb_deferred_io in fb_destroy;
 *	otherwise in the driver's remove, while files may still be open
 * @quarantine: do not give the memory back when it is freed, but poison it
 *	and keep it until the device is deleted, so that stray accesses show
 * @no_kmemfb: do not set FBINFO_KMEMFB although the memory is contiguous
 * @no_fbdefio: do not set info->fbdefio before fb_deferred_io_init()
 * @no_panel: there is no panel: flushes cost nothing but @panel_ms, and only
 *	their number is counted
 * @untracked: no deferred I/O, as a benchmark's yardstick; contiguous memory is mapped
 *	by remap_pfn_range(). Implies @free_in_destroy, so it outlives its mappings
 * @open_fails: how many user-space opens fail with -EBUSY, counted from each
 *	bind; the ones after them succeed
 */
struct fb_defio_mock_params {
	enum fb_defio_mock_mem mem;
	u32 len;
	u32 max_len;
	u32 xres;
	u32 yres;
	u32 yres_virtual;
	u32 delay_ms;
	u32 panel_ms;
	bool panel_error;
	bool sort;
	bool free_in_destroy;
	bool quarantine;
	bool no_kmemfb;
	bool no_fbdefio;
	bool no_panel;
	bool untracked;
	u32 open_fails;
};

/**
 * struct fb_defio_mock_stats - counters since the device was created
 * @flushes: calls of the deferred_io callback that have ended
 * @concurrent: calls that began before another one had ended
 * @empty: of these, calls with an empty page list
 * @pages: pages received in all page lists
 * @bad_pages: list entries whose offset was not that of a page of the framebuffer
 * @unsorted: list entries that broke the order although @sort was asked for
 * @errors: transfers that the panel refused
 * @pans: how often the visible part was set, by a mode set as well
 * @users: user-space opens now (fb_open minus fb_release)
 * @destroyed: calls of fb_destroy
 */
struct fb_defio_mock_stats {
	u64 flushes;
	u64 concurrent;
	u64 empty;
	u64 pages;
	u64 bad_pages;
	u64 unsorted;
	u64 errors;
	u64 pans;
	u64 users;
	u64 destroyed;
};

/*
 * All functions may sleep; none may be called from the deferred_io callback.
 */

/* Creates and binds a device. ERR_PTR() with probe's error when that fails. */
struct fb_defio_mock *fb_defio_mock_create(const struct fb_defio_mock_params *params);
/* Unbinds where still bound, drops quarantined memory and the device. */
void fb_defio_mock_delete(struct fb_defio_mock *mock);
/* 0 or a negative errno. Unbinding works with files open and mapped. */
int fb_defio_mock_bind(struct fb_defio_mock *mock);
int fb_defio_mock_unbind(struct fb_defio_mock *mock);
/*
 * Replace the memory by a copy of @len bytes, as for a mode set: with deferred I/O
 * running, as udlfb does; or between fb_deferred_io_cleanup() and
 * fb_deferred_io_init(), which sh_mobile_lcdcfb calls, and free the old memory
 * at once. 0 or a negative errno. Files can be open and mapped, but must not be
 * used meanwhile.
 */
int fb_defio_mock_realloc(struct fb_defio_mock *mock, u32 len);
int fb_defio_mock_restart(struct fb_defio_mock *mock, u32 len);

/*
 * Until it is told otherwise, the panel takes what it is sent and does not let the
 * callback return. The second function waits until a callback is held so; it returns
 * 0, or -EINTR if the caller is killed meanwhile. Deleting the device ends it.
 */
void fb_defio_mock_hold(struct fb_defio_mock *mock, bool hold);
int fb_defio_mock_wait_held(struct fb_defio_mock *mock);

/* The framebuffer of a bound device, NULL otherwise. */
struct fb_info *fb_defio_mock_info(struct fb_defio_mock *mock);
/* Page @index of the framebuffer's memory while bound; takes no reference. */
struct page *fb_defio_mock_page(struct fb_defio_mock *mock, unsigned long index);
void fb_defio_mock_get_stats(struct fb_defio_mock *mock,
			     struct fb_defio_mock_stats *stats);
/*
 * Byte offsets of the pages in the newest page list, in its order, at most
 * @max of them. Returns how many the list had.
 */
unsigned int fb_defio_mock_last_list(struct fb_defio_mock *mock,
				     unsigned long *offsets, unsigned int max);
/*
 * The panel's copy, at least fix.smem_len bytes. Survives unbind, not delete; each bind
 * starts with a black panel, as with black memory.
 */
const void *fb_defio_mock_panel(struct fb_defio_mock *mock);
/* Bytes of quarantined memory that no longer hold the poison. */
unsigned long fb_defio_mock_poison_lost(struct fb_defio_mock *mock);

#endif /* _LIB_TESTS_FB_DEFIO_MOCK_H */
