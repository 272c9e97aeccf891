// SPDX-License-Identifier: GPL-2.0
/*
 * Mock framebuffer device for the tests of fbdev's deferred I/O.
 *
 * The "hardware" is a buffer of its own, the panel, to which the deferred_io
 * callback copies what it is told is dirty, and nothing else. Once all writers
 * have stopped and the last flush has ended, the panel therefore equals the
 * framebuffer, or an update was lost.
 *
 * A device has two lifetimes. struct fb_defio_mock is the device with its panel
 * and counters, from create to delete; struct fb_defio_mock_fb is one binding
 * of the driver to it, from probe to fb_destroy, which can be later than both
 * unbind and delete if user space keeps files open.
 *
 * Locking: fb_defio_mock.lock nests inside all locks of fbdev and of mm, since
 * the callback and fb_open take it. So nothing is called under it that could
 * take one of these, and user memory is not touched.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fb.h>
#include <linux/file.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "fb_defio_mock.h"

#define FB_DEFIO_MOCK_NAME	"fb_defio_mock"
#define FB_DEFIO_MOCK_POISON	0xa5

#ifndef EMPTY_VMA_FLAGS
#define EMPTY_VMA_FLAGS		0 /* they are a number in older kernels */
#endif

/* Longest line that the debugfs files "create" and "delete" take. */
#define FB_DEFIO_MOCK_MAX_LINE	512

/* The memory behind a framebuffer. */
struct fb_defio_mock_block {
	struct list_head list;	/* in fb_defio_mock_fb.blocks or fb_defio_mock.quarantine */
	enum fb_defio_mock_mem mem;
	size_t size;		/* as allocated, whole pages */
	void *vaddr;
	struct page **pages;	/* FB_DEFIO_MOCK_GET_PAGE and _FILE */
	struct file *file;	/* FB_DEFIO_MOCK_FILE */
	struct device *dev;	/* FB_DEFIO_MOCK_DMA_PAGES */
	dma_addr_t dma;		/* FB_DEFIO_MOCK_DMA_PAGES */
};

struct fb_defio_mock {
	struct kref ref;	/* one of the creator, one of each binding */
	struct list_head list;	/* in fb_defio_mock_devices */
	struct platform_device *pdev;
	struct dentry *dir;
	/* constant, but for what debugfs changes: panel_ms and panel_error */
	struct fb_defio_mock_params params;
	void *panel;
	struct debugfs_blob_wrapper panel_blob;

	wait_queue_head_t wait; /* for changes of the next two fields */
	bool hold;		/* callbacks do not return */
	atomic_t held;		/* how many callbacks are held */
	atomic_t callbacks;	/* how many have not returned */

	struct mutex lock; /* protects the fields below */
	struct fb_info *info;	/* NULL while unbound */
	int probe_err;
	bool deleted;
	struct fb_defio_mock_stats stats;
	unsigned long *last_list;
	unsigned int last_list_len;
	struct list_head quarantine;
};

/* In fb_info.par. */
struct fb_defio_mock_fb {
	struct fb_defio_mock *mock;
	struct fb_defio_mock_block *block;
	struct list_head blocks;	/* @block, and those it has replaced */
	struct fb_deferred_io *fbdefio;
	unsigned long delay;
	u32 palette[16];
	u32 open_fails;		/* protected by info->lock */

	spinlock_t damage_lock; /* protects the fields below */
	/* what write() and drawing have touched */
	unsigned long damage_start;
	unsigned long damage_end;
};

static const char * const fb_defio_mock_mem_names[FB_DEFIO_MOCK_NR_MEM] = {
	[FB_DEFIO_MOCK_VMALLOC]		= "vmalloc",
	[FB_DEFIO_MOCK_GET_PAGE]	= "get_page",
	[FB_DEFIO_MOCK_FILE]		= "file",
	[FB_DEFIO_MOCK_ALLOC_PAGES]	= "alloc_pages",
	[FB_DEFIO_MOCK_FREE_PAGES]	= "free_pages",
	[FB_DEFIO_MOCK_KMALLOC]		= "kmalloc",
	[FB_DEFIO_MOCK_DMA_PAGES]	= "dma_pages",
};

static DEFINE_MUTEX(fb_defio_mock_devices_lock);
static LIST_HEAD(fb_defio_mock_devices); /* newest first */
static struct dentry *fb_defio_mock_root;

/*
 * Memory
 */

static bool fb_defio_mock_mem_contiguous(enum fb_defio_mock_mem mem)
{
	return mem != FB_DEFIO_MOCK_VMALLOC && mem != FB_DEFIO_MOCK_GET_PAGE &&
	       mem != FB_DEFIO_MOCK_FILE;
}

static void fb_defio_mock_put_pages(struct page **pages, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++)
		put_page(pages[i]);
	kvfree(pages);
}

static void *fb_defio_mock_alloc_single_pages(struct fb_defio_mock_block *block)
{
	unsigned long npages = block->size >> PAGE_SHIFT;
	struct page **pages;
	unsigned long i;
	void *vaddr;

	/* vmap() needs an MMU, and fbdefio->get_page is useless without one. */
	if (!IS_ENABLED(CONFIG_MMU))
		return NULL;

	pages = kvcalloc(npages, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;

	for (i = 0; i < npages; i++) {
		if (block->file)
			pages[i] = shmem_read_mapping_page(block->file->f_mapping, i);
		else
			pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (IS_ERR_OR_NULL(pages[i]))
			goto err;
	}

	vaddr = vmap(pages, npages, VM_MAP, PAGE_KERNEL);
	if (!vaddr)
		goto err;
	block->pages = pages;

	return vaddr;

err:
	fb_defio_mock_put_pages(pages, i);
	return NULL;
}

/* A file keeps its pages without our references, which let us treat them like other pages. */
static void *fb_defio_mock_alloc_file_pages(struct fb_defio_mock_block *block)
{
	void *vaddr;

	block->file = shmem_file_setup(FB_DEFIO_MOCK_NAME, block->size, EMPTY_VMA_FLAGS);
	if (IS_ERR(block->file))
		return NULL;

	vaddr = fb_defio_mock_alloc_single_pages(block);
	if (!vaddr)
		fput(block->file);

	return vaddr;
}

static void *fb_defio_mock_alloc_dma_pages(struct fb_defio_mock_block *block,
					   struct device *dev)
{
	struct page *page;

	page = dma_alloc_pages(dev, block->size, &block->dma, DMA_BIDIRECTIONAL,
			       GFP_KERNEL | __GFP_NOWARN);
	if (!page)
		return NULL;
	/* The memory can be given back when the device is long gone. */
	block->dev = get_device(dev);

	return memset(page_address(page), 0, block->size);
}

static struct fb_defio_mock_block *
fb_defio_mock_block_alloc(struct device *dev, enum fb_defio_mock_mem mem, u32 len)
{
	struct fb_defio_mock_block *block;
	struct page *page;

	block = kzalloc(sizeof(*block), GFP_KERNEL);
	if (!block)
		return NULL;
	block->mem = mem;
	block->size = PAGE_ALIGN((size_t)len);

	switch (mem) {
	case FB_DEFIO_MOCK_VMALLOC:
		block->vaddr = vzalloc(block->size);
		break;
	case FB_DEFIO_MOCK_GET_PAGE:
		block->vaddr = fb_defio_mock_alloc_single_pages(block);
		break;
	case FB_DEFIO_MOCK_FILE:
		block->vaddr = fb_defio_mock_alloc_file_pages(block);
		break;
	case FB_DEFIO_MOCK_ALLOC_PAGES:
		block->size = PAGE_SIZE << get_order(len);
		page = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN,
				   get_order(len));
		block->vaddr = page ? page_address(page) : NULL;
		break;
	case FB_DEFIO_MOCK_FREE_PAGES:
		block->size = PAGE_SIZE << get_order(len);
		block->vaddr = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN,
							get_order(len));
		break;
	case FB_DEFIO_MOCK_KMALLOC:
		block->size = roundup_pow_of_two(block->size);
		block->vaddr = kzalloc(block->size, GFP_KERNEL | __GFP_NOWARN);
		break;
	case FB_DEFIO_MOCK_DMA_PAGES:
		block->vaddr = fb_defio_mock_alloc_dma_pages(block, dev);
		break;
	case FB_DEFIO_MOCK_NR_MEM:
		break;
	}

	if (!block->vaddr) {
		kfree(block);
		return NULL;
	}

	return block;
}

static void fb_defio_mock_block_free(struct fb_defio_mock_block *block)
{
	switch (block->mem) {
	case FB_DEFIO_MOCK_VMALLOC:
		vfree(block->vaddr);
		break;
	case FB_DEFIO_MOCK_GET_PAGE:
	case FB_DEFIO_MOCK_FILE:
		vunmap(block->vaddr);
		fb_defio_mock_put_pages(block->pages, block->size >> PAGE_SHIFT);
		if (block->file)
			fput(block->file);
		break;
	case FB_DEFIO_MOCK_ALLOC_PAGES:
		__free_pages(virt_to_page(block->vaddr), get_order(block->size));
		break;
	case FB_DEFIO_MOCK_FREE_PAGES:
		free_pages((unsigned long)block->vaddr, get_order(block->size));
		break;
	case FB_DEFIO_MOCK_KMALLOC:
		kfree(block->vaddr);
		break;
	case FB_DEFIO_MOCK_DMA_PAGES:
		dma_free_pages(block->dev, block->size, virt_to_page(block->vaddr),
			       block->dma, DMA_BIDIRECTIONAL);
		put_device(block->dev);
		break;
	case FB_DEFIO_MOCK_NR_MEM:
		break;
	}

	kfree(block);
}

static struct page *fb_defio_mock_block_page(const struct fb_defio_mock_block *block,
					     unsigned long index)
{
	void *vaddr = block->vaddr + (index << PAGE_SHIFT);

	if (block->pages)
		return block->pages[index];
	if (block->mem == FB_DEFIO_MOCK_VMALLOC)
		return vmalloc_to_page(vaddr);

	return virt_to_page(vaddr);
}

static unsigned long fb_defio_mock_block_poison_lost(const struct fb_defio_mock_block *block)
{
	const void *pos = block->vaddr, *end = pos + block->size;
	unsigned long lost = 0;

	while ((pos = memchr_inv(pos, FB_DEFIO_MOCK_POISON, end - pos))) {
		lost++;
		pos++;
	}

	return lost;
}

/* What a driver does when it frees its framebuffer. */
static void fb_defio_mock_discard(struct fb_defio_mock *mock, struct list_head *blocks)
{
	struct fb_defio_mock_block *block, *next;

	if (mock->params.quarantine) {
		list_for_each_entry(block, blocks, list)
			memset(block->vaddr, FB_DEFIO_MOCK_POISON, block->size);

		mutex_lock(&mock->lock);
		if (!mock->deleted)
			list_splice_init(blocks, &mock->quarantine);
		mutex_unlock(&mock->lock);
	}

	list_for_each_entry_safe(block, next, blocks, list)
		fb_defio_mock_block_free(block);
}

/*
 * Device
 */

static void fb_defio_mock_release(struct kref *ref)
{
	struct fb_defio_mock *mock = container_of(ref, struct fb_defio_mock, ref);

	mutex_destroy(&mock->lock);
	kvfree(mock->last_list);
	vfree(mock->panel);
	kfree(mock);
}

static void fb_defio_mock_put(struct fb_defio_mock *mock)
{
	kref_put(&mock->ref, fb_defio_mock_release);
}

/*
 * Panel
 */

static void fb_defio_mock_copy(struct fb_defio_mock_fb *fb, unsigned long offset,
			       unsigned long len)
{
	memcpy(fb->mock->panel + offset, fb->block->vaddr + offset, len);
}

static void fb_defio_mock_copy_damage(struct fb_defio_mock_fb *fb)
{
	unsigned long start, end;

	spin_lock_irq(&fb->damage_lock);
	start = fb->damage_start;
	end = fb->damage_end;
	fb->damage_start = ULONG_MAX;
	fb->damage_end = 0;
	spin_unlock_irq(&fb->damage_lock);

	if (start < end && !READ_ONCE(fb->mock->params.panel_error))
		fb_defio_mock_copy(fb, start, end - start);
}

static void fb_defio_mock_wait_released(struct fb_defio_mock *mock)
{
	if (!READ_ONCE(mock->hold))
		return;

	atomic_inc(&mock->held);
	wake_up_all(&mock->wait);
	wait_event(mock->wait, !READ_ONCE(mock->hold));
	atomic_dec(&mock->held);
}

static void fb_defio_mock_deferred_io(struct fb_info *info, struct list_head *pagelist)
{
	struct fb_defio_mock_fb *fb = info->par;
	struct fb_defio_mock *mock = fb->mock;
	const struct fb_defio_mock_params *params = &mock->params;
	unsigned long last = 0, len = info->fix.smem_len;
	unsigned int pages = 0, bad_pages = 0, unsorted = 0;
	struct fb_deferred_io_pageref *pageref;
	bool concurrent = atomic_inc_return(&mock->callbacks) > 1;
	bool error = READ_ONCE(params->panel_error);
	u32 panel_ms = READ_ONCE(params->panel_ms);

	if (params->no_panel)
		goto out_sleep;

	/*
	 * All copies are made before the panel takes its time: what is written
	 * from now on must be tracked and come with another flush.
	 */
	fb_defio_mock_copy_damage(fb);

	list_for_each_entry(pageref, pagelist, list) {
		unsigned long offset = pageref->offset;

		if (offset >= len || offset_in_page(offset))
			bad_pages++;
		else if (!error)
			fb_defio_mock_copy(fb, offset, min(PAGE_SIZE, len - offset));
		if (params->sort && pages && offset <= last)
			unsorted++;
		last = offset;
		pages++;
	}

out_sleep:
	if (panel_ms)
		msleep(panel_ms);
	fb_defio_mock_wait_released(mock);

	mutex_lock(&mock->lock);
	mock->stats.flushes++;
	mock->stats.concurrent += concurrent;
	if (params->no_panel)
		goto out_unlock;
	mock->last_list_len = 0;
	list_for_each_entry(pageref, pagelist, list) {
		if (mock->last_list_len == PFN_UP(params->max_len))
			break;
		mock->last_list[mock->last_list_len++] = pageref->offset;
	}
	if (!pages)
		mock->stats.empty++;
	if (error)
		mock->stats.errors++;
	mock->stats.pages += pages;
	mock->stats.bad_pages += bad_pages;
	mock->stats.unsorted += unsorted;
out_unlock:
	mutex_unlock(&mock->lock);
	atomic_dec(&mock->callbacks);
}

static struct page *fb_defio_mock_get_page(struct fb_info *info, unsigned long offset)
{
	struct fb_defio_mock_fb *fb = info->par;
	struct page *page = fb_defio_mock_block_page(fb->block, offset >> PAGE_SHIFT);

	get_page(page);

	return page;
}

/* Can be called in atomic context, by the console for instance. */
static void fb_defio_mock_damage_range(struct fb_info *info, unsigned long offset,
				       unsigned long len)
{
	struct fb_defio_mock_fb *fb = info->par;
	unsigned long end = min_t(unsigned long, offset + len, info->fix.smem_len);
	unsigned long flags;

	if (fb->mock->params.untracked)
		return;

	spin_lock_irqsave(&fb->damage_lock, flags);
	fb->damage_start = min(fb->damage_start, offset);
	fb->damage_end = max(fb->damage_end, end);
	spin_unlock_irqrestore(&fb->damage_lock, flags);

	schedule_delayed_work(&info->deferred_work, fb->delay);
}

static void fb_defio_mock_damage_area(struct fb_info *info, u32 x, u32 y, u32 width,
				      u32 height)
{
	unsigned long pitch = info->fix.line_length;

	fb_defio_mock_damage_range(info, y * pitch, height * pitch);
}

/*
 * struct fb_ops
 */

static int fb_defio_mock_open(struct fb_info *info, int user)
{
	struct fb_defio_mock_fb *fb = info->par;

	if (!user)
		return 0;

	if (fb->open_fails) {
		fb->open_fails--;
		return -EBUSY;
	}

	mutex_lock(&fb->mock->lock);
	fb->mock->stats.users++;
	mutex_unlock(&fb->mock->lock);

	return 0;
}

static int fb_defio_mock_close(struct fb_info *info, int user)
{
	struct fb_defio_mock_fb *fb = info->par;

	if (!user)
		return 0;

	mutex_lock(&fb->mock->lock);
	fb->mock->stats.users--;
	mutex_unlock(&fb->mock->lock);

	return 0;
}

/* Any size that the memory has room for, in the one format that there is. */
static int fb_defio_mock_check_var(struct fb_var_screeninfo *var, struct fb_info *info)
{
	u64 pixels = info->fix.smem_len / 4;

	if (!var->xres || !var->yres || var->bits_per_pixel != 32)
		return -EINVAL;

	var->xres_virtual = var->xres;
	var->yres_virtual = max(var->yres, var->yres_virtual);
	if ((u64)var->xres_virtual * var->yres_virtual > pixels)
		return -EINVAL;

	var->xoffset = 0;
	var->yoffset = min(var->yoffset, var->yres_virtual - var->yres);
	var->red = info->var.red;
	var->green = info->var.green;
	var->blue = info->var.blue;
	var->transp = info->var.transp;

	return 0;
}

static int fb_defio_mock_set_par(struct fb_info *info)
{
	info->fix.line_length = info->var.xres_virtual * 4;

	return 0;
}

/* The panel has a copy of all of the memory, and shows another part of it. */
static int fb_defio_mock_pan_display(struct fb_var_screeninfo *var, struct fb_info *info)
{
	struct fb_defio_mock_fb *fb = info->par;

	mutex_lock(&fb->mock->lock);
	fb->mock->stats.pans++;
	mutex_unlock(&fb->mock->lock);

	return 0;
}

static int fb_defio_mock_setcolreg(unsigned int regno, unsigned int red, unsigned int green,
				   unsigned int blue, unsigned int transp,
				   struct fb_info *info)
{
	struct fb_defio_mock_fb *fb = info->par;

	if (regno >= ARRAY_SIZE(fb->palette))
		return -EINVAL;

	fb->palette[regno] = (red >> 8) << 16 | (green >> 8) << 8 | blue >> 8;

	return 0;
}

static void fb_defio_mock_destroy(struct fb_info *info)
{
	struct fb_defio_mock_fb *fb = info->par;
	struct fb_defio_mock *mock = fb->mock;

	if (mock->params.free_in_destroy) {
		fb_defio_mock_discard(mock, &fb->blocks);
		kfree(fb->fbdefio);
	}

	mutex_lock(&mock->lock);
	mock->stats.destroyed++;
	mutex_unlock(&mock->lock);

	framebuffer_release(info);
	fb_defio_mock_put(mock);
}

FB_GEN_DEFAULT_DEFERRED_SYSMEM_OPS(fb_defio_mock, fb_defio_mock_damage_range,
				   fb_defio_mock_damage_area)

static const struct fb_ops fb_defio_mock_ops = {
	.owner		= THIS_MODULE,
	.fb_open	= fb_defio_mock_open,
	.fb_release	= fb_defio_mock_close,
	FB_DEFAULT_DEFERRED_OPS(fb_defio_mock),
	.fb_check_var	= fb_defio_mock_check_var,
	.fb_set_par	= fb_defio_mock_set_par,
	.fb_pan_display	= fb_defio_mock_pan_display,
	.fb_setcolreg	= fb_defio_mock_setcolreg,
	.fb_destroy	= fb_defio_mock_destroy,
};

static int fb_defio_mock_untracked_mmap(struct fb_info *info, struct vm_area_struct *vma)
{
	if (!info->fix.smem_start)
		return -ENODEV;

	return vm_iomap_memory(vma, info->fix.smem_start, info->fix.smem_len);
}

static const struct fb_ops fb_defio_mock_untracked_ops = {
	.owner		= THIS_MODULE,
	.fb_open	= fb_defio_mock_open,
	.fb_release	= fb_defio_mock_close,
	__FB_DEFAULT_DEFERRED_OPS_RDWR(fb_defio_mock),
	__FB_DEFAULT_DEFERRED_OPS_DRAW(fb_defio_mock),
	.fb_mmap	= fb_defio_mock_untracked_mmap,
	.fb_setcolreg	= fb_defio_mock_setcolreg,
	.fb_destroy	= fb_defio_mock_destroy,
};

/*
 * struct platform_driver
 */

static void fb_defio_mock_init_screen(struct fb_info *info,
				      const struct fb_defio_mock_params *params)
{
	struct fb_defio_mock_fb *fb = info->par;
	struct fb_var_screeninfo *var = &info->var;
	struct fb_fix_screeninfo *fix = &info->fix;

	var->xres = params->xres;
	var->yres = params->yres;
	var->xres_virtual = params->xres;
	var->yres_virtual = params->yres_virtual;
	var->bits_per_pixel = 32;
	var->red.offset = 16;
	var->red.length = 8;
	var->green.offset = 8;
	var->green.length = 8;
	var->blue.length = 8;
	var->transp.offset = 24;
	var->activate = FB_ACTIVATE_NOW;
	var->vmode = FB_VMODE_NONINTERLACED;

	strscpy(fix->id, FB_DEFIO_MOCK_NAME, sizeof(fix->id));
	fix->type = FB_TYPE_PACKED_PIXELS;
	fix->visual = FB_VISUAL_TRUECOLOR;
	fix->ypanstep = 1;
	fix->line_length = params->xres * 4;
	fix->accel = FB_ACCEL_NONE;

	info->fbops = params->untracked ? &fb_defio_mock_untracked_ops : &fb_defio_mock_ops;
	info->pseudo_palette = fb->palette;
	info->flags = FBINFO_VIRTFB;
#ifdef FBINFO_KMEMFB
	if (fb_defio_mock_mem_contiguous(params->mem) && !params->no_kmemfb)
		info->flags |= FBINFO_KMEMFB;
#endif
}

static void fb_defio_mock_use_block(struct fb_info *info, struct fb_defio_mock_block *block,
				    u32 len)
{
	struct fb_defio_mock_fb *fb = info->par;

	fb->block = block;
	list_add(&block->list, &fb->blocks);
	fb->mock->panel_blob.size = len;
	info->screen_buffer = block->vaddr;
	info->screen_size = len;
	info->fix.smem_len = len;
	if (fb_defio_mock_mem_contiguous(block->mem))
		info->fix.smem_start = virt_to_phys(block->vaddr);
}

static int fb_defio_mock_do_probe(struct fb_defio_mock *mock)
{
	const struct fb_defio_mock_params *params = &mock->params;
	struct device *dev = &mock->pdev->dev;
	struct fb_defio_mock_block *block;
	struct fb_deferred_io *fbdefio;
	struct fb_defio_mock_fb *fb;
	struct fb_info *info;
	int ret = -ENOMEM;

	info = framebuffer_alloc(sizeof(*fb), dev);
	if (!info)
		return -ENOMEM;
	fb = info->par;
	fb->mock = mock;
	fb->delay = msecs_to_jiffies(params->delay_ms);
	fb->open_fails = params->open_fails;
	fb->damage_start = ULONG_MAX;
	INIT_LIST_HEAD(&fb->blocks);
	spin_lock_init(&fb->damage_lock);

	/* Apart from @info, so that use after it was freed can be noticed. */
	fbdefio = kzalloc(sizeof(*fbdefio), GFP_KERNEL);
	if (!fbdefio)
		goto err_framebuffer_release;
	fbdefio->delay = fb->delay;
	fbdefio->sort_pagereflist = params->sort;
	fbdefio->deferred_io = fb_defio_mock_deferred_io;
	if (params->mem == FB_DEFIO_MOCK_GET_PAGE || params->mem == FB_DEFIO_MOCK_FILE)
		fbdefio->get_page = fb_defio_mock_get_page;
	fb->fbdefio = fbdefio;

	block = fb_defio_mock_block_alloc(dev, params->mem, params->len);
	if (!block)
		goto err_kfree;

	fb_defio_mock_init_screen(info, params);
	fb_defio_mock_use_block(info, block, params->len);
	memset(mock->panel, 0, params->max_len);

	if (!params->no_fbdefio && !params->untracked)
		info->fbdefio = fbdefio;
	if (!params->untracked) {
		ret = fb_deferred_io_init(info);
		if (ret)
			goto err_block_free;
	}

	ret = register_framebuffer(info);
	if (ret)
		goto err_fb_deferred_io_cleanup;

	kref_get(&mock->ref); /* put in fb_destroy */
	platform_set_drvdata(mock->pdev, info);

	mutex_lock(&mock->lock);
	mock->info = info;
	mutex_unlock(&mock->lock);

	return 0;

err_fb_deferred_io_cleanup:
	if (!params->untracked)
		fb_deferred_io_cleanup(info);
err_block_free:
	fb_defio_mock_block_free(block);
err_kfree:
	kfree(fbdefio);
err_framebuffer_release:
	framebuffer_release(info);
	return ret;
}

static int fb_defio_mock_probe(struct platform_device *pdev)
{
	struct fb_defio_mock *mock = *(struct fb_defio_mock **)dev_get_platdata(&pdev->dev);
	int ret;

	/* Probing can run before platform_device_register_full() returns it. */
	mock->pdev = pdev;
	ret = fb_defio_mock_do_probe(mock);

	mutex_lock(&mock->lock);
	mock->probe_err = ret;
	mutex_unlock(&mock->lock);

	return ret;
}

static void fb_defio_mock_remove(struct platform_device *pdev)
{
	struct fb_info *info = platform_get_drvdata(pdev);
	struct fb_defio_mock_fb *fb = info->par;
	struct fb_deferred_io *fbdefio = fb->fbdefio;
	struct fb_defio_mock *mock = fb->mock;
	LIST_HEAD(blocks);

	mutex_lock(&mock->lock);
	mock->info = NULL;
	mutex_unlock(&mock->lock);

	/*
	 * Deferred I/O goes first although the framebuffer can still be opened:
	 * that is the order of drivers in the kernel, and the harder one.
	 */
	if (!mock->params.untracked)
		fb_deferred_io_cleanup(info);
	if (!mock->params.free_in_destroy)
		list_splice_init(&fb->blocks, &blocks);
	unregister_framebuffer(info); /* @info and @fb can be gone after this */

	if (!mock->params.free_in_destroy) {
		fb_defio_mock_discard(mock, &blocks);
		kfree(fbdefio);
	}
}

static struct platform_driver fb_defio_mock_driver = {
	.probe	= fb_defio_mock_probe,
	.remove	= fb_defio_mock_remove,
	.driver	= {
		.name = FB_DEFIO_MOCK_NAME,
	},
};

/*
 * Parameters
 */

struct fb_defio_mock_key {
	const char *name;
	size_t offset;	/* in struct fb_defio_mock_params */
	bool is_bool;	/* bool, else u32 */
};

/* "mem" and "free" have words as values and are not in the table. */
static const struct fb_defio_mock_key fb_defio_mock_keys[] = {
	{ "len", offsetof(struct fb_defio_mock_params, len) },
	{ "max_len", offsetof(struct fb_defio_mock_params, max_len) },
	{ "xres", offsetof(struct fb_defio_mock_params, xres) },
	{ "yres", offsetof(struct fb_defio_mock_params, yres) },
	{ "yres_virtual", offsetof(struct fb_defio_mock_params, yres_virtual) },
	{ "delay_ms", offsetof(struct fb_defio_mock_params, delay_ms) },
	{ "panel_ms", offsetof(struct fb_defio_mock_params, panel_ms) },
	{ "panel_error", offsetof(struct fb_defio_mock_params, panel_error), true },
	{ "sort", offsetof(struct fb_defio_mock_params, sort), true },
	{ "quarantine", offsetof(struct fb_defio_mock_params, quarantine), true },
	{ "no_kmemfb", offsetof(struct fb_defio_mock_params, no_kmemfb), true },
	{ "no_fbdefio", offsetof(struct fb_defio_mock_params, no_fbdefio), true },
	{ "no_panel", offsetof(struct fb_defio_mock_params, no_panel), true },
	{ "untracked", offsetof(struct fb_defio_mock_params, untracked), true },
	{ "open_fails", offsetof(struct fb_defio_mock_params, open_fails) },
};

static const char * const fb_defio_mock_free_names[] = { "remove", "destroy" };

static int fb_defio_mock_parse_number(struct fb_defio_mock_params *params,
				      const struct fb_defio_mock_key *key, const char *value)
{
	u32 number;
	int ret;

	ret = kstrtou32(value, 10, &number);
	if (ret)
		return -EINVAL;

	if (!key->is_bool)
		*(u32 *)((void *)params + key->offset) = number;
	else if (number <= 1)
		*(bool *)((void *)params + key->offset) = number;
	else
		return -EINVAL;

	return 0;
}

static int fb_defio_mock_parse_word(struct fb_defio_mock_params *params, char *word)
{
	char *name = strsep(&word, "=");
	size_t i;
	int ret;

	if (!word)
		return -EINVAL;

	if (!strcmp(name, "mem")) {
		ret = match_string(fb_defio_mock_mem_names, FB_DEFIO_MOCK_NR_MEM, word);
		if (ret < 0)
			return -EINVAL;
		params->mem = ret;
		return 0;
	}

	if (!strcmp(name, "free")) {
		ret = match_string(fb_defio_mock_free_names,
				   ARRAY_SIZE(fb_defio_mock_free_names), word);
		if (ret < 0)
			return -EINVAL;
		params->free_in_destroy = ret;
		return 0;
	}

	for (i = 0; i < ARRAY_SIZE(fb_defio_mock_keys); i++) {
		if (!strcmp(name, fb_defio_mock_keys[i].name))
			return fb_defio_mock_parse_number(params, &fb_defio_mock_keys[i],
							  word);
	}

	return -EINVAL;
}

static int fb_defio_mock_parse(struct fb_defio_mock_params *params, char *line)
{
	char *word;
	int ret;

	line = strim(line);
	while ((word = strsep(&line, " "))) {
		if (!*word)
			continue;
		ret = fb_defio_mock_parse_word(params, word);
		if (ret)
			return ret;
	}

	return 0;
}

/* Fills in what is left to us; the result is what the device gets. */
static int fb_defio_mock_complete_params(struct fb_defio_mock_params *params)
{
	u64 size;

	if (params->mem >= FB_DEFIO_MOCK_NR_MEM || !params->xres != !params->yres)
		return -EINVAL;

	if (!params->xres) {
		params->xres = min(params->len / 4, 256);
		params->yres = params->xres ? params->len / 4 / params->xres : 0;
	}

	params->yres_virtual = max(params->yres, params->yres_virtual);
	if (params->xres > INT_MAX / 4 || params->yres_virtual > INT_MAX / 4)
		return -EINVAL;
	size = (u64)params->xres * params->yres_virtual * 4;
	if (!params->len && size <= INT_MAX)
		params->len = size;

	if (!params->max_len)
		params->max_len = params->len;
	if (params->untracked)
		params->free_in_destroy = true;

	if (!size || size > params->len || params->len > params->max_len ||
	    params->max_len > INT_MAX)
		return -EINVAL;

	return 0;
}

/*
 * debugfs
 */

static int node_get(void *data, u64 *val)
{
	struct fb_defio_mock *mock = data;

	mutex_lock(&mock->lock);
	*val = mock->info ? mock->info->node : -1;
	mutex_unlock(&mock->lock);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE_SIGNED(node_fops, node_get, NULL, "%lld\n");

static int poison_lost_get(void *data, u64 *val)
{
	*val = fb_defio_mock_poison_lost(data);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(poison_lost_fops, poison_lost_get, NULL, "%llu\n");

static int realloc_set(void *data, u64 val)
{
	return fb_defio_mock_realloc(data, min(val, U32_MAX));
}
DEFINE_DEBUGFS_ATTRIBUTE(realloc_fops, NULL, realloc_set, "%llu\n");

static int restart_set(void *data, u64 val)
{
	return fb_defio_mock_restart(data, min(val, U32_MAX));
}
DEFINE_DEBUGFS_ATTRIBUTE(restart_fops, NULL, restart_set, "%llu\n");

static int hold_get(void *data, u64 *val)
{
	struct fb_defio_mock *mock = data;

	*val = READ_ONCE(mock->hold);

	return 0;
}

static int hold_set(void *data, u64 val)
{
	fb_defio_mock_hold(data, val);

	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(hold_fops, hold_get, hold_set, "%llu\n");

static int held_get(void *data, u64 *val)
{
	*val = 1;

	return fb_defio_mock_wait_held(data);
}
DEFINE_DEBUGFS_ATTRIBUTE(held_fops, held_get, NULL, "%llu\n");

static int stats_show(struct seq_file *m, void *data)
{
	struct fb_defio_mock_stats stats;

	fb_defio_mock_get_stats(m->private, &stats);
	seq_printf(m, "flushes %llu\n", stats.flushes);
	seq_printf(m, "concurrent %llu\n", stats.concurrent);
	seq_printf(m, "empty %llu\n", stats.empty);
	seq_printf(m, "pages %llu\n", stats.pages);
	seq_printf(m, "bad_pages %llu\n", stats.bad_pages);
	seq_printf(m, "unsorted %llu\n", stats.unsorted);
	seq_printf(m, "errors %llu\n", stats.errors);
	seq_printf(m, "pans %llu\n", stats.pans);
	seq_printf(m, "users %llu\n", stats.users);
	seq_printf(m, "destroyed %llu\n", stats.destroyed);

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int params_show(struct seq_file *m, void *data)
{
	struct fb_defio_mock *mock = m->private;
	void *params = &mock->params;
	size_t i;

	seq_printf(m, "mem=%s free=%s", fb_defio_mock_mem_names[mock->params.mem],
		   fb_defio_mock_free_names[mock->params.free_in_destroy]);
	for (i = 0; i < ARRAY_SIZE(fb_defio_mock_keys); i++) {
		const struct fb_defio_mock_key *key = &fb_defio_mock_keys[i];

		seq_printf(m, " %s=%u", key->name,
			   key->is_bool ? *(bool *)(params + key->offset) :
					  *(u32 *)(params + key->offset));
	}
	seq_putc(m, '\n');

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(params);

static void fb_defio_mock_debugfs_add(struct fb_defio_mock *mock)
{
	mock->panel_blob.data = mock->panel;

	mock->dir = debugfs_create_dir(dev_name(&mock->pdev->dev), fb_defio_mock_root);
	debugfs_create_blob("panel", 0400, mock->dir, &mock->panel_blob);
	debugfs_create_file("stats", 0400, mock->dir, mock, &stats_fops);
	debugfs_create_file("params", 0400, mock->dir, mock, &params_fops);
	debugfs_create_u32("panel_ms", 0600, mock->dir, &mock->params.panel_ms);
	debugfs_create_bool("panel_error", 0600, mock->dir, &mock->params.panel_error);
	debugfs_create_file_unsafe("node", 0400, mock->dir, mock, &node_fops);
	debugfs_create_file_unsafe("hold", 0600, mock->dir, mock, &hold_fops);
	debugfs_create_file_unsafe("held", 0400, mock->dir, mock, &held_fops);
	debugfs_create_file_unsafe("poison_lost", 0400, mock->dir, mock, &poison_lost_fops);
	debugfs_create_file_unsafe("realloc", 0200, mock->dir, mock, &realloc_fops);
	debugfs_create_file_unsafe("restart", 0200, mock->dir, mock, &restart_fops);
}

static ssize_t create_write(struct file *file, const char __user *buf, size_t count,
			    loff_t *ppos)
{
	struct fb_defio_mock_params params = {};
	struct fb_defio_mock *mock;
	int ret;

	if (count > FB_DEFIO_MOCK_MAX_LINE)
		return -EINVAL;

	char *line __free(kfree) = memdup_user_nul(buf, count);

	if (IS_ERR(line))
		return PTR_ERR(line);

	ret = fb_defio_mock_parse(&params, line);
	if (ret)
		return ret;

	mock = fb_defio_mock_create(&params);
	if (IS_ERR(mock))
		return PTR_ERR(mock);

	return count;
}

static const struct file_operations create_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= create_write,
};

/* Whoever takes a device off the list is the one to destroy it. */
static struct fb_defio_mock *fb_defio_mock_take(const char *name)
{
	struct fb_defio_mock *mock;

	guard(mutex)(&fb_defio_mock_devices_lock);
	list_for_each_entry(mock, &fb_defio_mock_devices, list) {
		if (!name || !strcmp(dev_name(&mock->pdev->dev), name)) {
			list_del_init(&mock->list);
			return mock;
		}
	}

	return NULL;
}

static void fb_defio_mock_do_delete(struct fb_defio_mock *mock);

static ssize_t delete_write(struct file *file, const char __user *buf, size_t count,
			    loff_t *ppos)
{
	struct fb_defio_mock *mock;

	if (count > FB_DEFIO_MOCK_MAX_LINE)
		return -EINVAL;

	char *line __free(kfree) = memdup_user_nul(buf, count);

	if (IS_ERR(line))
		return PTR_ERR(line);

	mock = fb_defio_mock_take(strim(line));
	if (!mock)
		return -ENODEV;
	fb_defio_mock_do_delete(mock);

	return count;
}

static const struct file_operations delete_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= delete_write,
};

static int last_show(struct seq_file *m, void *data)
{
	struct fb_defio_mock *mock;

	guard(mutex)(&fb_defio_mock_devices_lock);
	mock = list_first_entry_or_null(&fb_defio_mock_devices, struct fb_defio_mock, list);
	if (!mock)
		return -ENODEV;
	seq_printf(m, "%s\n", dev_name(&mock->pdev->dev));

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(last);

/*
 * Interface for KUnit
 */

/**
 * fb_defio_mock_create - make a mock framebuffer device and bind it
 * @params: what to make
 *
 * Context: Process context, may sleep. Takes the locks of the driver core and
 *          of fbdev.
 * Return: the device, or ERR_PTR() with the error of the driver's probe
 */
struct fb_defio_mock *fb_defio_mock_create(const struct fb_defio_mock_params *params)
{
	static atomic_t next_id = ATOMIC_INIT(0);
	struct platform_device_info pdevinfo = {
		.name = FB_DEFIO_MOCK_NAME,
		.dma_mask = DMA_BIT_MASK(64),
	};
	struct platform_device *pdev;
	struct fb_defio_mock *mock;
	int ret;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	kref_init(&mock->ref);
	mutex_init(&mock->lock);
	init_waitqueue_head(&mock->wait);
	INIT_LIST_HEAD(&mock->quarantine);
	mock->params = *params;
	mock->probe_err = -ENODEV;

	ret = fb_defio_mock_complete_params(&mock->params);
	if (ret)
		goto err_put;

	ret = -ENOMEM;
	mock->panel = vzalloc(mock->params.max_len);
	mock->last_list = kvcalloc(PFN_UP(mock->params.max_len), sizeof(*mock->last_list),
				   GFP_KERNEL);
	if (!mock->panel || !mock->last_list)
		goto err_put;

	pdevinfo.id = atomic_fetch_inc(&next_id);
	pdevinfo.data = &mock;
	pdevinfo.size_data = sizeof(mock);
	pdev = platform_device_register_full(&pdevinfo);
	if (IS_ERR(pdev)) {
		ret = PTR_ERR(pdev);
		goto err_put;
	}
	mock->pdev = pdev;

	mutex_lock(&mock->lock);
	ret = mock->probe_err;
	mutex_unlock(&mock->lock);
	if (ret) {
		platform_device_unregister(pdev);
		goto err_put;
	}

	fb_defio_mock_debugfs_add(mock);

	mutex_lock(&fb_defio_mock_devices_lock);
	list_add(&mock->list, &fb_defio_mock_devices);
	mutex_unlock(&fb_defio_mock_devices_lock);

	return mock;

err_put:
	fb_defio_mock_put(mock);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(fb_defio_mock_create);

static void fb_defio_mock_do_delete(struct fb_defio_mock *mock)
{
	struct fb_defio_mock_block *block, *next;
	LIST_HEAD(quarantine);

	debugfs_remove(mock->dir);
	fb_defio_mock_hold(mock, false);

	mutex_lock(&mock->lock);
	mock->deleted = true;
	list_splice_init(&mock->quarantine, &quarantine);
	mutex_unlock(&mock->lock);

	platform_device_unregister(mock->pdev);

	list_for_each_entry_safe(block, next, &quarantine, list)
		fb_defio_mock_block_free(block);

	fb_defio_mock_put(mock);
}

/**
 * fb_defio_mock_delete - unbind and destroy a mock framebuffer device
 * @mock: device
 *
 * Files can be open and mapped; the rest is freed when the last one is closed.
 *
 * Context: Process context, may sleep. Takes the locks of the driver core and
 *          of fbdev, and waits for debugfs files of the device that are in use.
 */
void fb_defio_mock_delete(struct fb_defio_mock *mock)
{
	mutex_lock(&fb_defio_mock_devices_lock);
	list_del_init(&mock->list);
	mutex_unlock(&fb_defio_mock_devices_lock);

	fb_defio_mock_do_delete(mock);
}
EXPORT_SYMBOL_GPL(fb_defio_mock_delete);

/**
 * fb_defio_mock_bind - bind the driver to an unbound device
 * @mock: device
 *
 * Context: Process context, may sleep. Takes the locks of the driver core and
 *          of fbdev.
 * Return: 0 on success, a negative errno otherwise
 */
int fb_defio_mock_bind(struct fb_defio_mock *mock)
{
	return device_driver_attach(&fb_defio_mock_driver.driver, &mock->pdev->dev);
}
EXPORT_SYMBOL_GPL(fb_defio_mock_bind);

/**
 * fb_defio_mock_unbind - unbind the driver, as on hot-unplug
 * @mock: device
 *
 * Context: Process context, may sleep. Takes the locks of the driver core and
 *          of fbdev.
 * Return: 0 on success, -ENODEV if the device is not bound
 */
int fb_defio_mock_unbind(struct fb_defio_mock *mock)
{
	if (!fb_defio_mock_info(mock))
		return -ENODEV;
	device_release_driver(&mock->pdev->dev);

	return 0;
}
EXPORT_SYMBOL_GPL(fb_defio_mock_unbind);

/**
 * fb_defio_mock_realloc - replace the memory of a framebuffer
 * @mock: bound device
 * @len: new length in bytes
 *
 * Deferred I/O is not told. As in udlfb, the old memory is freed when the device
 * goes.
 *
 * Context: Process context, may sleep. Nobody uses the framebuffer meanwhile.
 * Return: 0; -ENODEV if the device is not bound; -EINVAL if the screen does not fit
 *         into @len, or @len is more than fb_defio_mock_params.max_len; -ENOMEM
 */
int fb_defio_mock_realloc(struct fb_defio_mock *mock, u32 len)
{
	struct fb_info *info = fb_defio_mock_info(mock);
	struct fb_defio_mock_block *block;
	u32 old_len;

	if (!info)
		return -ENODEV;
	if (len < info->fix.line_length * info->var.yres_virtual || len > mock->params.max_len)
		return -EINVAL;

	block = fb_defio_mock_block_alloc(&mock->pdev->dev, mock->params.mem, len);
	if (!block)
		return -ENOMEM;

	old_len = info->fix.smem_len;
	memcpy(block->vaddr, info->screen_buffer, min(len, old_len));
	if (len > old_len)
		memset(mock->panel + old_len, 0, len - old_len);
	fb_defio_mock_use_block(info, block, len);

	return 0;
}
EXPORT_SYMBOL_GPL(fb_defio_mock_realloc);

/**
 * fb_defio_mock_restart - stop deferred I/O, replace the memory, start it again
 * @mock: bound device
 * @len: new length in bytes
 *
 * Context: Process context, may sleep. Nobody uses the framebuffer meanwhile.
 * Return: 0; -ENODEV if the device is not bound or has no deferred I/O; the error of
 *         fb_defio_mock_realloc() or fb_deferred_io_init()
 */
int fb_defio_mock_restart(struct fb_defio_mock *mock, u32 len)
{
	struct fb_info *info = fb_defio_mock_info(mock);
	struct fb_defio_mock_fb *fb;
	LIST_HEAD(blocks);
	int ret;

	if (!info || mock->params.untracked)
		return -ENODEV;

	fb_deferred_io_cleanup(info);
	ret = fb_defio_mock_realloc(mock, len);
	if (ret)
		return ret;

	fb = info->par;
	list_splice_init(&fb->blocks, &blocks);
	list_move(&fb->block->list, &fb->blocks);
	fb_defio_mock_discard(mock, &blocks);

	return fb_deferred_io_init(info);
}
EXPORT_SYMBOL_GPL(fb_defio_mock_restart);

/**
 * fb_defio_mock_hold - make the panel keep callbacks from returning, or release them
 * @mock: device
 * @hold: what it is to do from now on
 *
 * Context: Any.
 */
void fb_defio_mock_hold(struct fb_defio_mock *mock, bool hold)
{
	WRITE_ONCE(mock->hold, hold);
	wake_up_all(&mock->wait);
}
EXPORT_SYMBOL_GPL(fb_defio_mock_hold);

/**
 * fb_defio_mock_wait_held - wait until the panel holds a callback
 * @mock: device
 *
 * The callback has copied the pages of its list then.
 *
 * Context: Process context, may sleep.
 * Return: 0, or -EINTR if the caller has been killed
 */
int fb_defio_mock_wait_held(struct fb_defio_mock *mock)
{
	return wait_event_killable(mock->wait, atomic_read(&mock->held)) ? -EINTR : 0;
}
EXPORT_SYMBOL_GPL(fb_defio_mock_wait_held);

/**
 * fb_defio_mock_info - get the framebuffer of a device
 * @mock: device
 *
 * Context: Process context, may sleep. Takes fb_defio_mock.lock.
 * Return: the framebuffer, which is valid until the device is unbound; NULL if
 *         it is not bound
 */
struct fb_info *fb_defio_mock_info(struct fb_defio_mock *mock)
{
	guard(mutex)(&mock->lock);

	return mock->info;
}
EXPORT_SYMBOL_GPL(fb_defio_mock_info);

/**
 * fb_defio_mock_page - get a page of the framebuffer's memory
 * @mock: bound device
 * @index: number of the page
 *
 * Context: Process context, may sleep. Takes fb_defio_mock.lock.
 * Return: the page, without a reference of its own
 */
struct page *fb_defio_mock_page(struct fb_defio_mock *mock, unsigned long index)
{
	struct fb_defio_mock_fb *fb = fb_defio_mock_info(mock)->par;

	return fb_defio_mock_block_page(fb->block, index);
}
EXPORT_SYMBOL_GPL(fb_defio_mock_page);

/**
 * fb_defio_mock_get_stats - read the counters of a device
 * @mock: device
 * @stats: returns the counters
 *
 * Context: Process context, may sleep. Takes fb_defio_mock.lock.
 */
void fb_defio_mock_get_stats(struct fb_defio_mock *mock, struct fb_defio_mock_stats *stats)
{
	guard(mutex)(&mock->lock);
	*stats = mock->stats;
}
EXPORT_SYMBOL_GPL(fb_defio_mock_get_stats);

/**
 * fb_defio_mock_last_list - get the page list of the newest flush
 * @mock: device
 * @offsets: returns the byte offsets of its pages
 * @max: number of elements of @offsets
 *
 * Context: Process context, may sleep. Takes fb_defio_mock.lock.
 * Return: length of the list, can be more than @max
 */
unsigned int fb_defio_mock_last_list(struct fb_defio_mock *mock, unsigned long *offsets,
				     unsigned int max)
{
	guard(mutex)(&mock->lock);
	memcpy(offsets, mock->last_list,
	       min(max, mock->last_list_len) * sizeof(*offsets));

	return mock->last_list_len;
}
EXPORT_SYMBOL_GPL(fb_defio_mock_last_list);

/**
 * fb_defio_mock_panel - get the panel's content
 * @mock: device
 *
 * Context: Any.
 * Return: the panel's copy, of which the framebuffer's length is in use
 */
const void *fb_defio_mock_panel(struct fb_defio_mock *mock)
{
	return mock->panel;
}
EXPORT_SYMBOL_GPL(fb_defio_mock_panel);

/**
 * fb_defio_mock_poison_lost - look for writes to freed framebuffers
 * @mock: device
 *
 * Context: Process context, may sleep. Takes fb_defio_mock.lock.
 * Return: number of bytes in quarantine that somebody has written to
 */
unsigned long fb_defio_mock_poison_lost(struct fb_defio_mock *mock)
{
	struct fb_defio_mock_block *block;
	unsigned long lost = 0;

	guard(mutex)(&mock->lock);
	list_for_each_entry(block, &mock->quarantine, list)
		lost += fb_defio_mock_block_poison_lost(block);

	return lost;
}
EXPORT_SYMBOL_GPL(fb_defio_mock_poison_lost);

/*
 * Module
 */

static int __init fb_defio_mock_init(void)
{
	int ret;

	ret = platform_driver_register(&fb_defio_mock_driver);
	if (ret)
		return ret;

	fb_defio_mock_root = debugfs_create_dir(FB_DEFIO_MOCK_NAME, NULL);
	debugfs_create_file("create", 0200, fb_defio_mock_root, NULL, &create_fops);
	debugfs_create_file("delete", 0200, fb_defio_mock_root, NULL, &delete_fops);
	debugfs_create_file("last", 0400, fb_defio_mock_root, NULL, &last_fops);

	return 0;
}
module_init(fb_defio_mock_init);

static void __exit fb_defio_mock_exit(void)
{
	struct fb_defio_mock *mock;

	/* No file is open any more, nor can one be opened: all is still. */
	while ((mock = fb_defio_mock_take(NULL)))
		fb_defio_mock_do_delete(mock);
	debugfs_remove(fb_defio_mock_root);
	platform_driver_unregister(&fb_defio_mock_driver);
}
module_exit(fb_defio_mock_exit);

MODULE_DESCRIPTION("Mock framebuffer device for tests of deferred I/O");
MODULE_LICENSE("GPL");
