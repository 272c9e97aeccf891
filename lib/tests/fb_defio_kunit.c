// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for fbdev's deferred I/O.
 *
 * The tests open and map mock framebuffers of each kind of memory through the
 * framebuffer character device, take real page faults on the mappings, and
 * judge by what the driver's callback received and by the state of the PTEs.
 *
 * The delay of the mock devices is so long that the worker runs only when a
 * test says so, unless the test is about the delay.
 *
 * Kernels without FBINFO_KMEMFB get the tests of page-backed framebuffers only.
 */

#include <kunit/test.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/delay.h>
#include <linux/fb.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/jiffies.h>
#include <linux/kdev_t.h>
#include <linux/major.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/panic.h>
#include <linux/pseudo_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "fault_kunit.h"
#include "fb_defio_mock.h"

#define FB_DEFIO_TEST_MAGIC	0x66626b75	/* "fbku" */

/* Longer than KUnit lets a test run. */
#define FB_DEFIO_TEST_DELAY_MS	(60 * 60 * MSEC_PER_SEC)
/* When to give up on what other threads do. KUnit gives up somewhat later. */
#define FB_DEFIO_TEST_WAIT_MS	(4 * 60 * MSEC_PER_SEC)

#define FB_DEFIO_TEST_SAMPLES	5

/* The screen is busy while flushes find this many pages, and not with one less. */
#define FB_DEFIO_TEST_BUSY_PAGES	32UL

#define PROT_RDWR		(PROT_READ | PROT_WRITE)

/*
 * Memory
 */

enum fb_defio_test_kind {
	FB_DEFIO_TEST_VMALLOC,
	FB_DEFIO_TEST_GET_PAGE,
	FB_DEFIO_TEST_FILE,
	FB_DEFIO_TEST_ALLOC_PAGES_SMALL,
	FB_DEFIO_TEST_ALLOC_PAGES_LARGE,
	FB_DEFIO_TEST_ALLOC_PAGES_MAX,
	FB_DEFIO_TEST_FREE_PAGES,
	FB_DEFIO_TEST_KMALLOC,
	FB_DEFIO_TEST_CMA,
};

static const struct {
	const char *desc;
	enum fb_defio_mock_mem mem;
	unsigned long npages;
} fb_defio_test_kinds[] = {
	[FB_DEFIO_TEST_VMALLOC] = { "vmalloc", FB_DEFIO_MOCK_VMALLOC, 24 },
	[FB_DEFIO_TEST_GET_PAGE] = { "get_page", FB_DEFIO_MOCK_GET_PAGE, 24 },
	[FB_DEFIO_TEST_FILE] = { "get_page, file", FB_DEFIO_MOCK_FILE, 24 },
	[FB_DEFIO_TEST_ALLOC_PAGES_SMALL] = {
		"alloc_pages, order 0", FB_DEFIO_MOCK_ALLOC_PAGES, 1
	},
	[FB_DEFIO_TEST_ALLOC_PAGES_LARGE] = {
		"alloc_pages, order 9", FB_DEFIO_MOCK_ALLOC_PAGES, 1 << 9
	},
	[FB_DEFIO_TEST_ALLOC_PAGES_MAX] = {
		"alloc_pages, order MAX_PAGE_ORDER", FB_DEFIO_MOCK_ALLOC_PAGES,
		1 << MAX_PAGE_ORDER
	},
	[FB_DEFIO_TEST_FREE_PAGES] = {
		"__get_free_pages", FB_DEFIO_MOCK_FREE_PAGES, 1 << 4
	},
	[FB_DEFIO_TEST_KMALLOC] = { "kmalloc", FB_DEFIO_MOCK_KMALLOC, 1 },
	/* Too large for the page allocator, so it has to come from CMA. */
	[FB_DEFIO_TEST_CMA] = {
		"dma_alloc_pages, CMA", FB_DEFIO_MOCK_DMA_PAGES, (1 << MAX_PAGE_ORDER) + 3
	},
};

static const enum fb_defio_test_kind fb_defio_test_all[] = {
	FB_DEFIO_TEST_VMALLOC,
	FB_DEFIO_TEST_GET_PAGE,
#ifdef FBINFO_KMEMFB
	FB_DEFIO_TEST_ALLOC_PAGES_SMALL,
	FB_DEFIO_TEST_ALLOC_PAGES_LARGE,
	FB_DEFIO_TEST_ALLOC_PAGES_MAX,
	FB_DEFIO_TEST_FREE_PAGES,
	FB_DEFIO_TEST_KMALLOC,
	FB_DEFIO_TEST_CMA,
#endif
};

#ifdef FBINFO_KMEMFB
static const enum fb_defio_test_kind fb_defio_test_contiguous[] = {
	FB_DEFIO_TEST_ALLOC_PAGES_SMALL,
	FB_DEFIO_TEST_ALLOC_PAGES_LARGE,
	FB_DEFIO_TEST_ALLOC_PAGES_MAX,
	FB_DEFIO_TEST_FREE_PAGES,
	FB_DEFIO_TEST_KMALLOC,
	FB_DEFIO_TEST_CMA,
};

/* Those that can be allocated at twice the size. */
static const enum fb_defio_test_kind fb_defio_test_resizable[] = {
	FB_DEFIO_TEST_ALLOC_PAGES_SMALL,
	FB_DEFIO_TEST_FREE_PAGES,
	FB_DEFIO_TEST_KMALLOC,
	FB_DEFIO_TEST_CMA,
};
#endif

/* Those whose pages have reference counts of their own. */
static const enum fb_defio_test_kind fb_defio_test_page_backed[] = {
	FB_DEFIO_TEST_VMALLOC,
	FB_DEFIO_TEST_GET_PAGE,
};

/* Those whose pages stay writable while the screen is busy. */
static const enum fb_defio_test_kind fb_defio_test_busy[] = {
	FB_DEFIO_TEST_VMALLOC,
	FB_DEFIO_TEST_GET_PAGE,
#ifdef FBINFO_KMEMFB
	FB_DEFIO_TEST_ALLOC_PAGES_LARGE,
	FB_DEFIO_TEST_CMA,
#endif
};

/* Those whose pages belong to a file, which needs their dirty flag itself. */
static const enum fb_defio_test_kind fb_defio_test_file[] = {
	FB_DEFIO_TEST_FILE,
};

static void fb_defio_test_get_desc(const enum fb_defio_test_kind *kind, char *desc)
{
	strscpy(desc, fb_defio_test_kinds[*kind].desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(fb_defio_test_all, fb_defio_test_all, fb_defio_test_get_desc);
#ifdef FBINFO_KMEMFB
KUNIT_ARRAY_PARAM(fb_defio_test_contiguous, fb_defio_test_contiguous, fb_defio_test_get_desc);
KUNIT_ARRAY_PARAM(fb_defio_test_resizable, fb_defio_test_resizable, fb_defio_test_get_desc);
#endif
KUNIT_ARRAY_PARAM(fb_defio_test_page_backed, fb_defio_test_page_backed, fb_defio_test_get_desc);
KUNIT_ARRAY_PARAM(fb_defio_test_busy, fb_defio_test_busy, fb_defio_test_get_desc);
KUNIT_ARRAY_PARAM(fb_defio_test_file, fb_defio_test_file, fb_defio_test_get_desc);

/*
 * Device nodes
 *
 * Built-in suites run before there is a /dev. Each open goes through a node of
 * its own, on a file system of our own, to the driver of the character device.
 */

static struct vfsmount *fb_defio_test_mnt;

static int fb_defio_test_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, FB_DEFIO_TEST_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type fb_defio_test_fs_type = {
	.name		 = "fb_defio_kunit",
	.owner		 = THIS_MODULE,
	.init_fs_context = fb_defio_test_init_fs_context,
	.kill_sb	 = kill_anon_super,
};

static int fb_defio_test_suite_init(struct kunit_suite *suite)
{
	fb_defio_test_mnt = kern_mount(&fb_defio_test_fs_type);

	return PTR_ERR_OR_ZERO(fb_defio_test_mnt);
}

static void fb_defio_test_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ERR(fb_defio_test_mnt))
		kern_unmount(fb_defio_test_mnt);
}

/* Opens a device node for framebuffer @node that nobody else has. */
static struct file *fb_defio_test_do_open(int node, int flags)
{
	struct path path = { .mnt = fb_defio_test_mnt };
	struct inode *inode;
	struct file *file;

	inode = alloc_anon_inode(fb_defio_test_mnt->mnt_sb);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	init_special_inode(inode, S_IFCHR | 0600, MKDEV(FB_MAJOR, node));

	path.dentry = d_obtain_alias(inode); /* takes the inode, on errors, too */
	if (IS_ERR(path.dentry))
		return ERR_CAST(path.dentry);

	file = dentry_open(&path, flags, current_cred());
	dput(path.dentry); /* from here on, an open node that has been unlinked */

	return file;
}

/* Closes now. fput() of a kernel thread would do so some time later. */
KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_test_fput, __fput_sync, struct file *);

static struct file *fb_defio_test_open(struct kunit *test, int node, int flags)
{
	struct file *file = fb_defio_test_do_open(node, flags);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_test_fput, file), 0);

	return file;
}

static void fb_defio_test_close(struct kunit *test, struct file *file)
{
	kunit_release_action(test, fb_defio_test_fput, file);
}

/*
 * Fixture
 */

struct fb_defio_test {
	struct fb_defio_mock *mock;
	struct fb_info *info;
	struct file *file;	/* open for reading and writing */
	bool contiguous;
	unsigned long npages;

	/* a few pages to test with: both ends and the middle */
	unsigned long samples[FB_DEFIO_TEST_SAMPLES];
	unsigned int nsamples;
};

KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_test_delete, fb_defio_mock_delete,
			    struct fb_defio_mock *);

static void fb_defio_test_add_sample(struct fb_defio_test *ctx, unsigned long page)
{
	if (!ctx->nsamples || ctx->samples[ctx->nsamples - 1] < page)
		ctx->samples[ctx->nsamples++] = page;
}

static void fb_defio_test_set_npages(struct fb_defio_test *ctx, unsigned long npages)
{
	ctx->npages = npages;
	ctx->nsamples = 0;
	fb_defio_test_add_sample(ctx, 0);
	if (npages > 1) {
		fb_defio_test_add_sample(ctx, 1);
		fb_defio_test_add_sample(ctx, npages / 2);
		fb_defio_test_add_sample(ctx, npages - 2);
		fb_defio_test_add_sample(ctx, npages - 1);
	}
}

static bool fb_defio_test_is_contiguous(struct fb_info *info)
{
#ifdef FBINFO_KMEMFB
	return info->flags & FBINFO_KMEMFB;
#else
	return false;
#endif
}

/*
 * Makes a device with the memory of the test's parameter. What @params leaves
 * open gets what suits most tests.
 */
static struct fb_defio_test *__fb_defio_test_create(struct kunit *test,
						    struct fb_defio_mock_params params)
{
	/* After the first success with CMA, running out of it is a failure. */
	static bool has_cma;
	enum fb_defio_test_kind kind = *(const enum fb_defio_test_kind *)test->param_value;
	struct fb_defio_test *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	params.mem = fb_defio_test_kinds[kind].mem;
	if (!params.len)
		params.len = fb_defio_test_kinds[kind].npages << PAGE_SHIFT;
	if (!params.delay_ms)
		params.delay_ms = FB_DEFIO_TEST_DELAY_MS;

	ctx->mock = fb_defio_mock_create(&params);
	if (kind == FB_DEFIO_TEST_CMA) {
		if (!has_cma && PTR_ERR(ctx->mock) == -ENOMEM)
			kunit_skip(test, "no CMA, add cma=64M to the kernel's command line");
		has_cma = true;
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ctx->mock);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_test_delete, ctx->mock),
			0);

	ctx->info = fb_defio_mock_info(ctx->mock);
	ctx->contiguous = fb_defio_test_is_contiguous(ctx->info);
	fb_defio_test_set_npages(ctx, PFN_UP(params.len));

	return ctx;
}

/* The same, and opens it. */
static struct fb_defio_test *__fb_defio_test_setup(struct kunit *test,
						   struct fb_defio_mock_params params)
{
	struct fb_defio_test *ctx = __fb_defio_test_create(test, params);

	ctx->file = fb_defio_test_open(test, ctx->info->node, O_RDWR);

	return ctx;
}

#define fb_defio_test_create(test, ...) \
	__fb_defio_test_create(test, (struct fb_defio_mock_params){ __VA_ARGS__ })
#define fb_defio_test_setup(test, ...) \
	__fb_defio_test_setup(test, (struct fb_defio_mock_params){ __VA_ARGS__ })

static unsigned long fb_defio_test_len(struct kunit *test)
{
	return fb_defio_test_kinds[*(const enum fb_defio_test_kind *)test->param_value].npages <<
	       PAGE_SHIFT;
}

/* Maps a part of a framebuffer. */
static unsigned long fb_defio_test_map(struct kunit *test, struct file *file,
				       unsigned long pgoff, unsigned long npages,
				       unsigned long prot)
{
	unsigned long addr = fault_kunit_mmap(test, file, pgoff, npages, prot, MAP_SHARED);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	return addr;
}

static unsigned long fb_defio_test_map_all(struct kunit *test, struct fb_defio_test *ctx)
{
	return fb_defio_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
}

static void fb_defio_test_unmap_all(struct kunit *test, struct fb_defio_test *ctx,
				    unsigned long addr)
{
	KUNIT_ASSERT_EQ(test, vm_munmap(addr, ctx->npages << PAGE_SHIFT), 0);
}

#ifdef FBINFO_KMEMFB

static unsigned long fb_defio_test_pfn(struct fb_defio_test *ctx, unsigned long page)
{
	return page_to_pfn(fb_defio_mock_page(ctx->mock, page));
}

/* No PTE of a sample of a contiguous framebuffer is writable or dirty. */
static void fb_defio_test_expect_clean(struct kunit *test, struct fb_defio_test *ctx,
				       unsigned long addr)
{
	struct fault_kunit_pte pte = {};
	unsigned int i;

	for (i = 0; i < ctx->nsamples; i++) {
		KUNIT_ASSERT_EQ(test, fault_kunit_follow(addr + (ctx->samples[i] << PAGE_SHIFT),
							 &pte), 0);
		KUNIT_EXPECT_FALSE(test, pte.writable);
		KUNIT_EXPECT_FALSE(test, pte.dirty);
	}
}

/* Makes the PTE of page 0 writable behind the back of deferred I/O. */
static void fb_defio_test_make_writable(struct kunit *test, struct fb_defio_test *ctx,
					unsigned long addr)
{
	struct vm_area_struct *vma;
	vm_fault_t fault;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	fault = vmf_insert_pfn_mkwrite(vma, addr, fb_defio_test_pfn(ctx, 0));
	mmap_read_unlock(current->mm);
	KUNIT_EXPECT_TRUE(test, fault == VM_FAULT_NOPAGE);
}

#else

/* There are no contiguous framebuffers. */
static void fb_defio_test_expect_clean(struct kunit *test, struct fb_defio_test *ctx,
				       unsigned long addr)
{
}

static void fb_defio_test_make_writable(struct kunit *test, struct fb_defio_test *ctx,
					unsigned long addr)
{
}

#endif

/* Runs the worker now, whether or not something is dirty. */
static void fb_defio_test_flush(struct fb_defio_test *ctx)
{
	schedule_delayed_work(&ctx->info->deferred_work, 0);
	flush_delayed_work(&ctx->info->deferred_work);
}

static struct fb_defio_mock_stats fb_defio_test_stats(struct fb_defio_test *ctx)
{
	struct fb_defio_mock_stats stats;

	fb_defio_mock_get_stats(ctx->mock, &stats);

	return stats;
}

/* Evaluates the condition until it is true. */
#define fb_defio_test_wait(test, condition)						\
do {											\
	unsigned long __deadline = jiffies + msecs_to_jiffies(FB_DEFIO_TEST_WAIT_MS);	\
	bool __met;									\
											\
	while (!(__met = (condition)) && time_before(jiffies, __deadline))		\
		msleep(20);								\
	KUNIT_ASSERT_TRUE_MSG(test, __met, "not within 4 minutes: " #condition);	\
} while (0)

/* Byte @offset of the driver's view of the framebuffer. */
static u8 *fb_defio_test_pixel(struct fb_defio_test *ctx, unsigned long offset)
{
	return (u8 *)ctx->info->screen_buffer + offset;
}

/* Writes @value + i to the i-th sample of a mapping of the whole framebuffer. */
static void fb_defio_test_write_samples(struct kunit *test, struct fb_defio_test *ctx,
					unsigned long addr, u8 value, long faults)
{
	unsigned int i;

	for (i = 0; i < ctx->nsamples; i++) {
		unsigned long offset = ctx->samples[i] << PAGE_SHIFT;

		KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + offset, value + i), faults);
		KUNIT_EXPECT_EQ(test, *fb_defio_test_pixel(ctx, offset), (u8)(value + i));
	}
}

static void fb_defio_test_expect_samples(struct kunit *test, struct fb_defio_test *ctx,
					 unsigned long addr, bool writable)
{
	unsigned int i;

	for (i = 0; i < ctx->nsamples; i++) {
		unsigned long pos = addr + (ctx->samples[i] << PAGE_SHIFT);

		KUNIT_EXPECT_TRUE(test, fault_kunit_present(pos));
		KUNIT_EXPECT_EQ(test, fault_kunit_writable(pos), writable);
	}
}

/* Expects all that was written to be on the panel. */
static void fb_defio_test_expect_shown(struct kunit *test, struct fb_defio_test *ctx)
{
	/* Not KUNIT_EXPECT_MEMEQ(), which would print a screen. */
	KUNIT_EXPECT_EQ(test, memcmp(fb_defio_mock_panel(ctx->mock), ctx->info->screen_buffer,
				     ctx->info->fix.smem_len), 0);
}

/*
 * Expects the newest flush to be the @flushes-th one, to have brought exactly
 * @npages pages, those in @pages and in that order, and all that was written to be
 * on the panel.
 */
static void fb_defio_test_expect_flush(struct kunit *test, struct fb_defio_test *ctx,
				       unsigned int flushes, const unsigned long *pages,
				       unsigned int npages)
{
	struct fb_defio_mock_stats stats = fb_defio_test_stats(ctx);
	unsigned long offsets[2 * FB_DEFIO_TEST_SAMPLES] = {};
	unsigned int i;

	KUNIT_EXPECT_EQ(test, stats.flushes, flushes);
	KUNIT_EXPECT_EQ(test, stats.bad_pages, 0);
	KUNIT_EXPECT_EQ(test, stats.concurrent, 0);

	KUNIT_ASSERT_LE(test, npages, ARRAY_SIZE(offsets));
	KUNIT_ASSERT_EQ(test, fb_defio_mock_last_list(ctx->mock, offsets, ARRAY_SIZE(offsets)),
			npages);
	for (i = 0; i < npages; i++)
		KUNIT_EXPECT_EQ(test, offsets[i], pages[i] << PAGE_SHIFT);

	fb_defio_test_expect_shown(test, ctx);
}

static void fb_defio_test_expect_samples_flushed(struct kunit *test,
						 struct fb_defio_test *ctx,
						 unsigned int flushes)
{
	fb_defio_test_expect_flush(test, ctx, flushes, ctx->samples, ctx->nsamples);
}

/*
 * Faults
 */

/*
 * Read fault: a read-only PTE, for one fault. Nothing gets on the list, and the
 * worker is not queued.
 */
static void test_read_fault(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	struct fb_defio_mock_stats stats;
	unsigned int i;
	u8 value = 0;

	for (i = 0; i < ctx->nsamples; i++) {
		unsigned long offset = ctx->samples[i] << PAGE_SHIFT;

		*fb_defio_test_pixel(ctx, offset + 1) = 0x40 + i;
		KUNIT_EXPECT_FALSE(test, fault_kunit_present(addr + offset));
		KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + offset + 1, &value), 1);
		KUNIT_EXPECT_EQ(test, value, 0x40 + i);
		KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + offset, &value), 0);
	}
	fb_defio_test_expect_samples(test, ctx, addr, false);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));

	fb_defio_test_flush(ctx);
	stats = fb_defio_test_stats(ctx);
	KUNIT_EXPECT_EQ(test, stats.flushes, 1);
	KUNIT_EXPECT_EQ(test, stats.empty, 1);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Write fault on an unmapped page: one hardware fault for a first write, which
 * puts the page on the list and leaves a writable PTE. The worker comes after
 * the driver's delay, counted from the first write.
 */
static void test_write_fault(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long delay = msecs_to_jiffies(FB_DEFIO_TEST_DELAY_MS);
	struct delayed_work *work = &ctx->info->deferred_work;
	unsigned long before, expires;
	unsigned int i;

	before = jiffies;
	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr, 0x10), 1);
	expires = work->timer.expires;
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(work));
	KUNIT_EXPECT_TRUE(test, time_in_range(expires, before + delay, jiffies + delay));

	/* A fault some time later does not put it off. */
	msleep(20);
	for (i = 1; i < ctx->nsamples; i++)
		KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + (ctx->samples[i] << PAGE_SHIFT),
							0x10 + i), 1);
	KUNIT_EXPECT_EQ(test, work->timer.expires, expires);
	fb_defio_test_expect_samples(test, ctx, addr, true);

	fb_defio_test_write_samples(test, ctx, addr, 0x20, 0);
	KUNIT_EXPECT_EQ(test, work->timer.expires, expires);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 0);

	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 1);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Write fault on a read-only PTE: tracked and upgraded in place, for one more
 * fault.
 */
static void test_read_then_write(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned int i;
	u8 value;

	for (i = 0; i < ctx->nsamples; i++)
		KUNIT_ASSERT_EQ(test, fault_kunit_read(addr + (ctx->samples[i] << PAGE_SHIFT),
						       &value), 1);
	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
	fb_defio_test_write_samples(test, ctx, addr, 0x20, 0);
	fb_defio_test_expect_samples(test, ctx, addr, true);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&ctx->info->deferred_work));

	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 1);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * With a second process: each PTE takes a fault of its own, the page is on the
 * list once, and the flush write-protects both PTEs.
 */
static void test_two_processes(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	struct fault_kunit_process *other = fault_kunit_process_start(test);
	unsigned long last = ctx->npages - 1, pos = addr + (last << PAGE_SHIFT), other_addr;

	/* Its mapping is of the last page only. */
	other_addr = fault_kunit_process_mmap(other, ctx->file, last, 1, PROT_RDWR);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(pos, 1), 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_process_write(other, other_addr + 1, 2), 1);
	KUNIT_EXPECT_TRUE(test, fault_kunit_writable(pos));
	KUNIT_EXPECT_TRUE(test, fault_kunit_process_writable(other, other_addr));

	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 1, &last, 1);
	KUNIT_EXPECT_FALSE(test, fault_kunit_writable(pos));
	KUNIT_EXPECT_FALSE(test, fault_kunit_process_writable(other, other_addr));

	/* A write by one process does not give the other one write access. */
	KUNIT_EXPECT_EQ(test, fault_kunit_process_write(other, other_addr, 3), 1);
	KUNIT_EXPECT_FALSE(test, fault_kunit_writable(pos));
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 2, &last, 1);
	KUNIT_EXPECT_FALSE(test, fault_kunit_process_writable(other, other_addr));
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Flush
 */

/*
 * The driver gets exactly the pages that were written, each time. Afterwards
 * their PTEs are read-only and clean, and the next write faults again. fsync()
 * does not wait for the delay.
 */
static void test_flush(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long first = ctx->samples[0];
	u8 value;

	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 1);
	fb_defio_test_expect_samples(test, ctx, addr, false);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));
	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 0x10);

	/* mprotect() would make a dirty PTE writable without a fault. */
	if (ctx->contiguous)
		fb_defio_test_expect_clean(test, ctx, addr);

	/* One page of those, then all. */
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 0x20), 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 2, &first, 1);
	fb_defio_test_write_samples(test, ctx, addr, 0x30, 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 3);
	fb_defio_test_expect_samples(test, ctx, addr, false);

	/* Nothing is left to do. */
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 3);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * The driver is called even when the list is empty. There is nothing to
 * write-protect then, which shows by a PTE that has been made writable behind
 * the back of deferred I/O.
 */
static void test_flush_nothing_dirty(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	struct fb_defio_mock_stats stats;

	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);

	if (ctx->contiguous)
		fb_defio_test_make_writable(test, ctx, addr);
	fb_defio_test_flush(ctx);

	fb_defio_test_expect_flush(test, ctx, 2, NULL, 0);
	stats = fb_defio_test_stats(ctx);
	KUNIT_EXPECT_EQ(test, stats.empty, 1);
	KUNIT_EXPECT_EQ(test, stats.pages, ctx->nsamples);
	KUNIT_EXPECT_TRUE(test, fault_kunit_present(addr));
	KUNIT_EXPECT_EQ(test, fault_kunit_writable(addr), ctx->contiguous);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Drivers cancel the worker, for instance when they are suspended. fsync() and
 * the last close give the driver what was written all the same.
 */
static void test_fsync_after_cancel(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);

	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
	KUNIT_EXPECT_TRUE(test, cancel_delayed_work_sync(&ctx->info->deferred_work));
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 1);
	fb_defio_test_expect_samples(test, ctx, addr, false);

	/* Nothing is left to do. */
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 1);

	fb_defio_test_write_samples(test, ctx, addr, 0x20, 1);
	KUNIT_EXPECT_TRUE(test, cancel_delayed_work_sync(&ctx->info->deferred_work));
	fb_defio_test_unmap_all(test, ctx, addr);
	fb_defio_test_close(test, ctx->file);
	fb_defio_test_expect_samples_flushed(test, ctx, 2);
}

/*
 * Documentation of fb_deferred_io.sort_pagereflist: ascending, in whatever order
 * they were written.
 */
static void test_sort_pagereflist(struct kunit *test)
{
	static const unsigned int order[FB_DEFIO_TEST_SAMPLES] = { 3, 0, 4, 2, 1 };
	struct fb_defio_test *ctx = fb_defio_test_setup(test, .sort = true);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		unsigned int sample = order[i];

		if (sample >= ctx->nsamples)
			continue;
		KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + (ctx->samples[sample] << PAGE_SHIFT),
							i), 1);
	}
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);

	fb_defio_test_expect_samples_flushed(test, ctx, 1);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).unsorted, 0);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * The worker comes by itself, and not before the driver's delay. It can come between the
 * fault and the write that the fault is for, which then takes a second one.
 */
static void test_delay(struct kunit *test)
{
	const unsigned int delay_ms = 100;
	struct fb_defio_test *ctx = fb_defio_test_setup(test, .delay_ms = delay_ms);
	unsigned long addr = fb_defio_test_map_all(test, ctx), before = jiffies;
	const u8 *panel = fb_defio_mock_panel(ctx->mock);
	struct fb_defio_mock_stats stats;

	KUNIT_ASSERT_GE(test, fault_kunit_write(addr, 0x5a), 1);
	fb_defio_test_wait(test, fb_defio_test_stats(ctx).flushes);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, before + msecs_to_jiffies(delay_ms)));
	fb_defio_test_wait(test, READ_ONCE(panel[0]) == 0x5a);
	flush_delayed_work(&ctx->info->deferred_work);
	KUNIT_EXPECT_FALSE(test, fault_kunit_writable(addr));
	stats = fb_defio_test_stats(ctx);
	KUNIT_EXPECT_EQ(test, stats.pages, stats.flushes);
	fb_defio_test_expect_flush(test, ctx, stats.flushes, ctx->samples, 1);
	fb_defio_test_unmap_all(test, ctx, addr);
}

struct fb_defio_test_writer {
	struct fault_kunit_process *process;
	unsigned long npages;
	bool stop;
};

/* Writes here and there until it is told to stop. Returns how many writes failed. */
static long fb_defio_test_scribble(unsigned long addr, unsigned long data)
{
	struct fb_defio_test_writer *writer = (void *)data;
	unsigned long i;
	long failed = 0;

	for (i = 0; !READ_ONCE(writer->stop); i++) {
		unsigned long page = (i * 7919) % writer->npages;

		if (fault_kunit_write(addr + (page << PAGE_SHIFT) + i % 251, i) < 0)
			failed++;
		cond_resched();
	}

	return failed;
}

/*
 * Under load: however writes and flushes meet, no write is lost. After the
 * writers have stopped and fsync() has returned, the panel equals the
 * framebuffer.
 */
static void test_no_update_is_lost(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test, .delay_ms = 1);
	unsigned long deadline = jiffies + msecs_to_jiffies(FB_DEFIO_TEST_WAIT_MS);
	struct fb_defio_test_writer writers[2] = {};
	unsigned int round, i;

	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		writers[i].npages = min(ctx->npages, 16UL);
		writers[i].process = fault_kunit_process_start(test);
		fault_kunit_process_mmap(writers[i].process, ctx->file, 0, writers[i].npages,
					 PROT_RDWR);
	}

	/* A later write can hide a lost update: stop often. */
	for (round = 1; round <= 5; round++) {
		for (i = 0; i < ARRAY_SIZE(writers); i++) {
			writers[i].stop = false;
			fault_kunit_process_begin(writers[i].process, fb_defio_test_scribble,
						  writers[i].process->addr,
						  (unsigned long)&writers[i]);
		}
		while (fb_defio_test_stats(ctx).flushes < 10 * round &&
		       time_before(jiffies, deadline)) {
			KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
			cond_resched();
		}
		for (i = 0; i < ARRAY_SIZE(writers); i++) {
			WRITE_ONCE(writers[i].stop, true);
			KUNIT_EXPECT_EQ(test, fault_kunit_process_end(writers[i].process), 0);
		}

		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		KUNIT_ASSERT_GE(test, fb_defio_test_stats(ctx).flushes, 10 * round);
		KUNIT_ASSERT_EQ(test, memcmp(fb_defio_mock_panel(ctx->mock),
					     ctx->info->screen_buffer,
					     ctx->info->fix.smem_len), 0);
	}
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).bad_pages, 0);
}

/*
 * Pages
 */

KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_test_kvfree, kvfree, void *);

/* The struct pages of the framebuffer as they are now. */
static const struct page *fb_defio_test_snapshot(struct kunit *test, struct fb_defio_test *ctx)
{
	struct page *pages = kvmalloc_array(ctx->npages, sizeof(*pages), GFP_KERNEL);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_test_kvfree, pages), 0);

	for (i = 0; i < ctx->npages; i++)
		pages[i] = *fb_defio_mock_page(ctx->mock, i);

	return pages;
}

#ifdef FBINFO_KMEMFB
/*
 * Everything in struct page that mapping a framebuffer must not change. Slab keeps
 * changing its part for other objects of the slab, so for kmalloc() it is the
 * counts alone.
 */
static unsigned long fb_defio_test_count_changed(struct kunit *test, struct fb_defio_test *ctx,
						 const struct page *pages)
{
	bool slab = *(const enum fb_defio_test_kind *)test->param_value == FB_DEFIO_TEST_KMALLOC;
	unsigned long i, changed = 0;

	for (i = 0; i < ctx->npages; i++) {
		const struct page *page = fb_defio_mock_page(ctx->mock, i);

		if (page_ref_count(page) != page_ref_count(&pages[i]) ||
		    atomic_read(&page->_mapcount) != atomic_read(&pages[i]._mapcount) ||
		    (!slab && memcmp(page, &pages[i], sizeof(*page))))
			changed++;
	}

	return changed;
}
#endif

/* Writes to every second page and the last one. Returns how many took other than one fault. */
static long fb_defio_test_write_half(unsigned long addr, unsigned long npages)
{
	unsigned long i;
	long wrong = 0;

	for (i = 0; i < npages; i++) {
		if ((i % 2 || i == npages - 1) &&
		    fault_kunit_write(addr + (i << PAGE_SHIFT), i) != 1)
			wrong++;
	}

	return wrong;
}

#ifdef FBINFO_KMEMFB
/*
 * No page of the framebuffer is ever reference counted, nor written to in any
 * other way: head and tail pages, before, while and after they are mapped,
 * read, written and flushed.
 */
static void test_struct_page_is_left_alone(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	struct fault_kunit_process *other = fault_kunit_process_start(test);
	const struct page *pages = fb_defio_test_snapshot(test, ctx);
	unsigned long addr, i;
	u8 value;

	addr = fb_defio_test_map_all(test, ctx);
	fault_kunit_process_mmap(other, ctx->file, 0, ctx->npages, PROT_RDWR);
	for (i = 0; i < ctx->npages; i++)
		KUNIT_ASSERT_EQ(test, fault_kunit_read(addr + (i << PAGE_SHIFT), &value), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_process_call(other, fb_defio_test_write_half, other->addr,
						       ctx->npages), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_count_changed(test, ctx, pages), 0);

	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_count_changed(test, ctx, pages), 0);

	fault_kunit_process_munmap(other);
	KUNIT_EXPECT_EQ(test, fb_defio_test_count_changed(test, ctx, pages), 0);
	fb_defio_test_unmap_all(test, ctx, addr);
	KUNIT_EXPECT_EQ(test, fb_defio_test_count_changed(test, ctx, pages), 0);
	fb_defio_test_close(test, ctx->file);
	KUNIT_EXPECT_EQ(test, fb_defio_test_count_changed(test, ctx, pages), 0);
}
#endif

/* Expects each page to have @more more references and mappings than in @pages. */
static void fb_defio_test_expect_counts(struct kunit *test, struct fb_defio_test *ctx,
					const struct page *pages, int more)
{
	unsigned long i, wrong = 0;

	for (i = 0; i < ctx->npages; i++) {
		const struct page *page = fb_defio_mock_page(ctx->mock, i);

		if (page_ref_count(page) != page_ref_count(&pages[i]) + more ||
		    atomic_read(&page->_mapcount) != atomic_read(&pages[i]._mapcount) + more)
			wrong++;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/*
 * Page-backed framebuffers: each mapping holds one reference to each of its
 * pages, whatever is done to them. Afterwards the pages are as they were: a
 * reference that is left would silently keep the page from being freed, and a
 * page->mapping that is left would make it a bad page.
 */
static void test_page_counts(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	struct fault_kunit_process *other = fault_kunit_process_start(test);
	const struct page *pages = fb_defio_test_snapshot(test, ctx);
	unsigned long addr, i, changed = 0;
	u8 value;

	addr = fb_defio_test_map_all(test, ctx);
	fb_defio_test_expect_counts(test, ctx, pages, 0);
	for (i = 0; i < ctx->npages; i++)
		KUNIT_ASSERT_EQ(test, fault_kunit_read(addr + (i << PAGE_SHIFT), &value), 1);
	fb_defio_test_expect_counts(test, ctx, pages, 1);
	KUNIT_ASSERT_EQ(test, fb_defio_test_write_half(addr, ctx->npages), 0);
	fb_defio_test_expect_counts(test, ctx, pages, 1);

	/* In the second process, the first fault is one for writing. */
	fault_kunit_process_mmap(other, ctx->file, 0, ctx->npages, PROT_RDWR);
	for (i = 0; i < ctx->npages; i++)
		KUNIT_ASSERT_EQ(test, fault_kunit_process_write(other,
								other->addr + (i << PAGE_SHIFT),
								i), 1);
	fb_defio_test_expect_counts(test, ctx, pages, 2);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_counts(test, ctx, pages, 2);

	fault_kunit_process_munmap(other);
	fb_defio_test_expect_counts(test, ctx, pages, 1);
	fb_defio_test_unmap_all(test, ctx, addr);
	fb_defio_test_expect_counts(test, ctx, pages, 0);
	fb_defio_test_close(test, ctx->file);
	fb_defio_test_expect_counts(test, ctx, pages, 0);
	for (i = 0; i < ctx->npages; i++) {
		if (fb_defio_mock_page(ctx->mock, i)->mapping != pages[i].mapping)
			changed++;
	}
	KUNIT_EXPECT_EQ(test, changed, 0);
}

/*
 * A framebuffer that has been mapped goes back to its allocator whole, and can be
 * allocated again. The page allocator checks each page that it gets back, and
 * taints the kernel if the page is not free.
 */
static void test_free_and_allocate_again(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	int i;

	for (i = 0; i < 4; i++) {
		unsigned long addr = fb_defio_test_map_all(test, ctx);

		KUNIT_EXPECT_EQ(test, *fb_defio_test_pixel(ctx, 0), 0);
		fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
		/* Half of the time, the memory goes while it is mapped. */
		if (i % 2)
			fb_defio_test_unmap_all(test, ctx, addr);
		KUNIT_ASSERT_EQ(test, fb_defio_mock_unbind(ctx->mock), 0);
		if (i % 2 == 0)
			fb_defio_test_unmap_all(test, ctx, addr);
		fb_defio_test_close(test, ctx->file);

		KUNIT_ASSERT_EQ(test, fb_defio_mock_bind(ctx->mock), 0);
		ctx->info = fb_defio_mock_info(ctx->mock);
		ctx->file = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	}
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).destroyed, 4);
	KUNIT_EXPECT_FALSE_MSG(test, test_taint(TAINT_BAD_PAGE),
			       "a bad page was found, now or in an earlier test; see the log");
}

/*
 * Mappings
 */

/*
 * If the length of a framebuffer is not a multiple of the page size, its last page
 * is like any other, and nothing is behind it.
 */
static void test_last_page(struct kunit *test)
{
	unsigned long len = fb_defio_test_len(test) - PAGE_SIZE / 2 - 8;
	struct fb_defio_test *ctx = fb_defio_test_setup(test, .len = len);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long last = ctx->npages - 1;

	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + len - 1, 0x5a), 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + PAGE_ALIGN(len) - 1, 0xa5), 0);
	KUNIT_EXPECT_EQ(test, *fb_defio_test_pixel(ctx, len - 1), 0x5a);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 1, &last, 1);
	KUNIT_EXPECT_FALSE(test, fault_kunit_writable(addr + len - 1));
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * mmap(): offset plus length beyond the last page is -EINVAL for a contiguous
 * framebuffer. Others can be mapped so, and what is beyond the end is SIGBUS.
 */
static void test_beyond_the_end(struct kunit *test)
{
	unsigned long huge = (ULONG_MAX >> PAGE_SHIFT) - 1;
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	const struct {
		unsigned long pgoff, npages;
	} ranges[] = {
		{ 0, ctx->npages + 1 },		/* the last page of each is beyond */
		{ 1, ctx->npages },
		{ ctx->npages - 1, 2 },
		{ ctx->npages, 1 },
		{ huge, 1 },			/* the largest that mm lets through */
		{ huge - ctx->npages + 1, ctx->npages },
	};
	unsigned long addr;
	size_t i;
	u8 value;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		unsigned long last;

		addr = fault_kunit_mmap(test, ctx->file, ranges[i].pgoff, ranges[i].npages,
					PROT_RDWR, MAP_SHARED);
		if (ctx->contiguous) {
			KUNIT_EXPECT_EQ(test, addr, -EINVAL);
			continue;
		}
		KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
		last = addr + ((ranges[i].npages - 1) << PAGE_SHIFT);
		KUNIT_EXPECT_EQ(test, fault_kunit_read(last, &value), -EFAULT);
		KUNIT_EXPECT_EQ(test, fault_kunit_write(last, 1), -EFAULT);
		vm_munmap(addr, ranges[i].npages << PAGE_SHIFT);
	}
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));

	/* Up to the end is fine. */
	addr = fb_defio_test_map(test, ctx->file, ctx->npages - 1, 1, PROT_RDWR);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), 1);
	vm_munmap(addr, PAGE_SIZE);
}

static struct page *fb_defio_test_get_no_page(struct fb_info *info, unsigned long offset)
{
	return NULL;
}

/* A driver that has no page for an offset: the fault fails, and the flush goes on. */
static void test_no_page(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	struct fb_deferred_io *fbdefio = ctx->info->fbdefio;
	struct page *(*get)(struct fb_info *info, unsigned long offset) = fbdefio->get_page;
	const unsigned long page = 0;
	u8 value;

	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr, 0x10), 1);
	fbdefio->get_page = fb_defio_test_get_no_page;
	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + PAGE_SIZE, &value), -EFAULT);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 1, &page, 1);
	fbdefio->get_page = get;
	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + PAGE_SIZE, &value), 1);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * mmap(): a private mapping that can be written to is a copy. Page-backed
 * framebuffers support it, and what is written there is not shown. Contiguous ones
 * refuse it.
 */
static void test_map_private(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	struct file *ro_file = fb_defio_test_open(test, ctx->info->node, O_RDONLY);
	unsigned long addr;
	u8 value;

	if (ctx->contiguous) {
		KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, ctx->file, 0, ctx->npages, PROT_RDWR,
						       MAP_PRIVATE), -EINVAL);
		KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, ro_file, 0, ctx->npages, PROT_RDWR,
						       MAP_PRIVATE), -EINVAL);
		KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, ctx->file, 0, ctx->npages, PROT_WRITE,
						       MAP_PRIVATE), -EINVAL);
		return;
	}

	addr = fault_kunit_mmap(test, ctx->file, 0, ctx->npages, PROT_RDWR, MAP_PRIVATE);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	*fb_defio_test_pixel(ctx, 0) = 0x5a;
	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr, &value), 1);
	KUNIT_EXPECT_EQ(test, value, 0x5a);
	KUNIT_EXPECT_GE(test, fault_kunit_write(addr, 0xa5), 0);
	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 0xa5);
	KUNIT_EXPECT_EQ(test, *fb_defio_test_pixel(ctx, 0), 0x5a);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));
	fb_defio_test_unmap_all(test, ctx, addr);
}

static vm_flags_t fb_defio_test_vm_flags(struct kunit *test, unsigned long addr)
{
	struct vm_area_struct *vma;
	vm_flags_t flags = 0;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (vma)
		flags = vma->vm_flags;
	mmap_read_unlock(current->mm);
	KUNIT_EXPECT_NOT_NULL(test, vma);

	return flags;
}

/*
 * mmap(): a private mapping that is not writable, as screen grabbers make it,
 * shows the framebuffer. mprotect() cannot make that of a contiguous one writable,
 * because its pages cannot be copied. Writable mappings made after it are
 * write-protected at each flush all the same.
 */
static void test_map_private_read_only(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	struct file *ro_file = fb_defio_test_open(test, ctx->info->node, O_RDONLY);
	struct file *files[] = { ctx->file, ro_file };
	unsigned long ro_addr, addr;
	size_t i;
	u8 value;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		ro_addr = fault_kunit_mmap(test, files[i], 0, ctx->npages, PROT_NONE, MAP_PRIVATE);
		KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(ro_addr));
		KUNIT_ASSERT_EQ(test, !(fb_defio_test_vm_flags(test, ro_addr) & VM_MAYWRITE),
				ctx->contiguous);
		fb_defio_test_unmap_all(test, ctx, ro_addr);

		ro_addr = fault_kunit_mmap(test, files[i], 0, ctx->npages, PROT_READ, MAP_PRIVATE);
		KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(ro_addr));
		KUNIT_EXPECT_EQ(test, !(fb_defio_test_vm_flags(test, ro_addr) & VM_MAYWRITE),
				ctx->contiguous);

		addr = fb_defio_test_map_all(test, ctx);
		*fb_defio_test_pixel(ctx, 1) = 0x30 + i;
		KUNIT_EXPECT_EQ(test, fault_kunit_read(ro_addr + 1, &value), 1);
		KUNIT_EXPECT_EQ(test, value, 0x30 + i);
		KUNIT_EXPECT_EQ(test, fault_kunit_write(ro_addr, 1), -EFAULT);

		fb_defio_test_write_samples(test, ctx, addr, 0x10 + i, 1);
		KUNIT_EXPECT_EQ(test, fault_kunit_read(ro_addr, &value), 0);
		KUNIT_EXPECT_EQ(test, value, 0x10 + i);
		KUNIT_EXPECT_EQ(test, vfs_fsync(files[i], 0), 0);
		fb_defio_test_expect_samples_flushed(test, ctx, i + 1);
		fb_defio_test_expect_samples(test, ctx, addr, false);
		KUNIT_EXPECT_FALSE(test, fault_kunit_writable(ro_addr));
		fb_defio_test_unmap_all(test, ctx, ro_addr);
		fb_defio_test_unmap_all(test, ctx, addr);
	}
}

/*
 * mmap(): a shared, read-only mapping of a file opened for reading works, and
 * never becomes writable. It lacks VM_SHARED. A writable mapping made after it
 * is write-protected at each flush all the same.
 */
static void test_read_only_open(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	struct file *ro_file = fb_defio_test_open(test, ctx->info->node, O_RDONLY);
	unsigned long ro_addr, addr;
	unsigned int i;
	u8 value = 0;

	KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, ro_file, 0, ctx->npages, PROT_RDWR,
					       MAP_SHARED), -EACCES);
	ro_addr = fb_defio_test_map(test, ro_file, 0, ctx->npages, PROT_READ);
	KUNIT_EXPECT_EQ(test, fault_kunit_read(ro_addr, &value), 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(ro_addr, 1), -EFAULT);

	addr = fb_defio_test_map_all(test, ctx);
	for (i = 1; i <= 3; i++) {
		fb_defio_test_write_samples(test, ctx, addr, 0x10 * i, 1);
		KUNIT_EXPECT_FALSE(test, fault_kunit_writable(ro_addr));
		KUNIT_EXPECT_EQ(test, fault_kunit_read(ro_addr, &value), 0);
		KUNIT_EXPECT_EQ(test, value, 0x10 * i);

		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		fb_defio_test_expect_samples_flushed(test, ctx, i);
		fb_defio_test_expect_samples(test, ctx, addr, false);
		KUNIT_EXPECT_EQ(test, fault_kunit_write(ro_addr, 1), -EFAULT);
	}

	/* fsync() on a file opened for reading flushes what others have written. */
	fb_defio_test_write_samples(test, ctx, addr, 0x50, 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ro_file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, i);
	fb_defio_test_unmap_all(test, ctx, ro_addr);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/* An offset into the framebuffer arrives as such. */
static void test_map_middle(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long middle = ctx->npages / 2, npages = DIV_ROUND_UP(ctx->npages - middle, 2);
	unsigned long last = middle + npages - 1, addr;

	addr = fb_defio_test_map(test, ctx->file, middle, npages, PROT_RDWR);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 0x5a), 1);
	KUNIT_EXPECT_EQ(test, *fb_defio_test_pixel(ctx, middle << PAGE_SHIFT), 0x5a);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 1, &middle, 1);
	KUNIT_EXPECT_FALSE(test, fault_kunit_writable(addr));

	addr += (npages - 1) << PAGE_SHIFT;
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 0xa5), 1);
	KUNIT_EXPECT_EQ(test, *fb_defio_test_pixel(ctx, last << PAGE_SHIFT), 0xa5);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 2, &last, 1);
	KUNIT_EXPECT_FALSE(test, fault_kunit_writable(addr));
	addr -= (npages - 1) << PAGE_SHIFT;
	vm_munmap(addr, npages << PAGE_SHIFT);
}

/*
 * Mappings are tracked whichever device node they were opened through, however
 * many there are, and whichever of them is closed first.
 */
static void test_two_nodes(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx), addr2;
	struct file *file2;

	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
	file2 = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	KUNIT_EXPECT_PTR_NE(test, file_inode(ctx->file), file_inode(file2));
	addr2 = fb_defio_test_map(test, file2, 0, ctx->npages, PROT_RDWR);
	fb_defio_test_write_samples(test, ctx, addr2, 0x20, 1);

	KUNIT_EXPECT_EQ(test, vfs_fsync(file2, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 1);
	fb_defio_test_expect_samples(test, ctx, addr, false);
	fb_defio_test_expect_samples(test, ctx, addr2, false);

	/* The first one goes; its mapping would have kept it open. */
	fb_defio_test_unmap_all(test, ctx, addr);
	fb_defio_test_close(test, ctx->file);
	fb_defio_test_write_samples(test, ctx, addr2, 0x30, 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(file2, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 2);
	fb_defio_test_expect_samples(test, ctx, addr2, false);

	/* A third one comes, the second one goes. */
	ctx->file = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	addr = fb_defio_test_map_all(test, ctx);
	fb_defio_test_unmap_all(test, ctx, addr2);
	fb_defio_test_close(test, file2);
	fb_defio_test_write_samples(test, ctx, addr, 0x40, 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 3);
	fb_defio_test_expect_samples(test, ctx, addr, false);
	fb_defio_test_unmap_all(test, ctx, addr);
}

#ifdef FBINFO_KMEMFB

/*
 * PFN maps have no pages for GUP, so nobody can pin pages of a display, whether or
 * not they are mapped.
 */
static void test_gup_is_refused(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx), pos;
	unsigned int i, flags;
	struct page *page;

	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr, 1), 1);
	for (i = 0; i < ctx->nsamples; i++) {
		pos = addr + (ctx->samples[i] << PAGE_SHIFT);
		for (flags = 0; flags <= FOLL_WRITE; flags += FOLL_WRITE) {
			KUNIT_EXPECT_EQ(test, pin_user_pages_fast(pos, 1, flags, &page), -EFAULT);
			KUNIT_EXPECT_EQ(test, get_user_pages_unlocked(pos, 1, &page, flags),
					-EFAULT);
		}
	}
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Code that imports memory by its PFNs, as for DMA, finds the right ones, and finds
 * them writable only while the page is tracked.
 */
static void test_follow_pfnmap(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	struct fault_kunit_pte pte = {};
	unsigned int i;
	u8 value;

	for (i = 0; i < ctx->nsamples; i++) {
		unsigned long page = ctx->samples[i], pos = addr + (page << PAGE_SHIFT);
		unsigned long pfn = fb_defio_test_pfn(ctx, page);

		KUNIT_EXPECT_NE(test, fault_kunit_follow(pos, &pte), 0);

		KUNIT_EXPECT_EQ(test, fault_kunit_read(pos, &value), 1);
		KUNIT_ASSERT_EQ(test, fault_kunit_follow(pos, &pte), 0);
		KUNIT_EXPECT_EQ(test, pte.pfn, pfn);
		KUNIT_EXPECT_FALSE(test, pte.writable);
		KUNIT_EXPECT_FALSE(test, pte.dirty);

		KUNIT_EXPECT_EQ(test, fault_kunit_write(pos, 1), 1);
		KUNIT_ASSERT_EQ(test, fault_kunit_follow(pos, &pte), 0);
		KUNIT_EXPECT_EQ(test, pte.pfn, pfn);
		KUNIT_EXPECT_TRUE(test, pte.writable);
		KUNIT_EXPECT_EQ(test, pte.dirty, pte.dirty_known);

		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		KUNIT_ASSERT_EQ(test, fault_kunit_follow(pos, &pte), 0);
		KUNIT_EXPECT_EQ(test, pte.pfn, pfn);
		KUNIT_EXPECT_FALSE(test, pte.writable);
		KUNIT_EXPECT_FALSE(test, pte.dirty);
	}
	fb_defio_test_unmap_all(test, ctx, addr);
}

static int fb_defio_test_do_access(struct kunit *test, unsigned long addr, u8 *value, int len,
				   int write)
{
	struct vm_area_struct *vma;
	int ret = -ENOENT;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (vma && vma->vm_ops->access)
		ret = vma->vm_ops->access(vma, addr, value, len, write);
	mmap_read_unlock(current->mm);

	return ret;
}

/*
 * Debuggers use this in place of GUP. Their writes are tracked like others.
 * Permissions and both ends of the framebuffer limit access; beyond them, it is
 * -EFAULT.
 */
static void test_access(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test, .xres = 8, .yres = 8);
	unsigned long addr = fb_defio_test_map_all(test, ctx), ro_addr;
	unsigned long last = ctx->npages - 1, pos = addr + (last << PAGE_SHIFT);
	u8 buf[4] = { 1, 2, 3, 4 };

	ro_addr = fb_defio_test_map(test, ctx->file, 0, ctx->npages, PROT_READ);
	KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, ro_addr, buf, 4, 1), -EACCES);
	KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, pos, buf, 4, 1), 4);
	KUNIT_EXPECT_EQ(test, fb_defio_test_pixel(ctx, last << PAGE_SHIFT)[3], 4);
	KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, pos + PAGE_SIZE - 1, buf, 4, 0), 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 1, &last, 1);
	KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, pos + 1, buf, 2, 0), 2);
	KUNIT_EXPECT_EQ(test, buf[1], 3);
	KUNIT_EXPECT_FALSE(test, fault_kunit_present(pos));

	fb_deferred_io_cleanup(ctx->info);
	KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, addr, buf, 4, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, addr, buf, 4, 1), -EFAULT);

	KUNIT_ASSERT_EQ(test, fb_defio_mock_restart(ctx->mock, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, addr + PAGE_SIZE - 1, buf, 1, 0), 1);
	if (last)
		KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, pos, buf, 4, 0), -EFAULT);
	fb_defio_test_unmap_all(test, ctx, ro_addr);
	fb_defio_test_unmap_all(test, ctx, addr);
}

#endif /* FBINFO_KMEMFB */

/*
 * Open and close
 */

/*
 * The last close does not leave written pages to the delay, whatever the order in
 * which files are closed. An open that the driver has refused does not count.
 */
static void test_last_close_flushes(struct kunit *test)
{
	static const unsigned int order[] = { 2, 0, 3, 1 };
	struct fb_defio_test *ctx = fb_defio_test_create(test, .open_fails = 2);
	struct file *files[ARRAY_SIZE(order)];
	unsigned long addr;
	unsigned int i;

	KUNIT_EXPECT_PTR_EQ(test, fb_defio_test_do_open(ctx->info->node, O_RDWR),
			    ERR_PTR(-EBUSY));
	KUNIT_EXPECT_PTR_EQ(test, fb_defio_test_do_open(ctx->info->node, O_RDONLY),
			    ERR_PTR(-EBUSY));
	for (i = 0; i < ARRAY_SIZE(files); i++)
		files[i] = fb_defio_test_open(test, ctx->info->node, i % 2 ? O_RDWR : O_RDONLY);
	ctx->file = files[1];
	addr = fb_defio_test_map_all(test, ctx);
	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
	fb_defio_test_unmap_all(test, ctx, addr);

	/* One that was open for a while makes no difference. */
	fb_defio_test_close(test, fb_defio_test_open(test, ctx->info->node, O_RDWR));
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).users, ARRAY_SIZE(order) - i);
		KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 0);
		fb_defio_test_close(test, files[order[i]]);
	}
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).users, 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 1);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));

	/* The next one to be opened is the last one, too. */
	ctx->file = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	addr = fb_defio_test_map_all(test, ctx);
	fb_defio_test_write_samples(test, ctx, addr, 0x20, 1);
	fb_defio_test_unmap_all(test, ctx, addr);
	fb_defio_test_close(test, ctx->file);
	fb_defio_test_expect_samples_flushed(test, ctx, 2);
}

/*
 * Cleanup
 */

/*
 * For both ways in which drivers free their memory: cleanup shows what has been
 * written; then no PTE maps a contiguous framebuffer, and accesses are SIGBUS;
 * the worker is not queued and does not run even if the driver queues it;
 * mapping, flushing and closing do no harm.
 *
 * Other framebuffers keep what is mapped, but it cannot be written to.
 */
static void fb_defio_test_cleanup(struct kunit *test, bool free_in_destroy)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test, .quarantine = true,
							.free_in_destroy = free_in_destroy);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	struct fault_kunit_process *other = fault_kunit_process_start(test);
	const u8 *panel = fb_defio_mock_panel(ctx->mock);
	struct fb_defio_mock_stats stats;
	unsigned int i;
	u8 value;

	fault_kunit_process_mmap(other, ctx->file, 0, 1, PROT_RDWR);
	KUNIT_ASSERT_EQ(test, fault_kunit_process_write(other, other->addr + 1, 0x77), 1);
	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
	KUNIT_ASSERT_EQ(test, fb_defio_mock_unbind(ctx->mock), 0);

	stats = fb_defio_test_stats(ctx);
	KUNIT_EXPECT_EQ(test, stats.flushes, 1);
	KUNIT_EXPECT_EQ(test, stats.pages, ctx->nsamples);
	KUNIT_EXPECT_EQ(test, stats.destroyed, 0);
	KUNIT_EXPECT_EQ(test, panel[1], 0x77);
	for (i = 0; i < ctx->nsamples; i++) {
		unsigned long offset = ctx->samples[i] << PAGE_SHIFT, pos = addr + offset;

		KUNIT_EXPECT_EQ(test, panel[offset], 0x10 + i);
		KUNIT_EXPECT_EQ(test, fault_kunit_present(pos), !ctx->contiguous);
		KUNIT_EXPECT_EQ(test, fault_kunit_read(pos, &value),
				ctx->contiguous ? -EFAULT : 0);
		KUNIT_EXPECT_EQ(test, fault_kunit_write(pos, 1), -EFAULT);
	}
	KUNIT_EXPECT_EQ(test, fault_kunit_process_write(other, other->addr, 1), -EFAULT);
	if (ctx->npages > 2) /* a page that had not been touched */
		KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + 2 * PAGE_SIZE, &value), -EFAULT);

	/* The framebuffer's fb_info is there until the file is closed. */
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));
	fb_defio_test_flush(ctx);
	schedule_delayed_work(&ctx->info->deferred_work, 1);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, ctx->file, 0, 1, PROT_RDWR, MAP_SHARED),
			-ENODEV);

	fault_kunit_process_munmap(other);
	fb_defio_test_unmap_all(test, ctx, addr);
	fb_defio_test_close(test, ctx->file);
	stats = fb_defio_test_stats(ctx);
	KUNIT_EXPECT_EQ(test, stats.flushes, 1);
	KUNIT_EXPECT_EQ(test, stats.users, 0);
	KUNIT_EXPECT_EQ(test, stats.destroyed, 1);
	KUNIT_EXPECT_EQ(test, fb_defio_mock_poison_lost(ctx->mock), 0);
}

static void test_cleanup_free_in_remove(struct kunit *test)
{
	fb_defio_test_cleanup(test, false);
}

static void test_cleanup_free_in_destroy(struct kunit *test)
{
	fb_defio_test_cleanup(test, true);
}

/*
 * A mapping that outlives its framebuffer stays dead when the device comes
 * back, and does not disturb the new framebuffer, which may well be in the same
 * memory.
 */
static void test_cleanup_and_bind_again(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long old_addr = fb_defio_test_map_all(test, ctx), addr;
	struct file *old_file = ctx->file;

	fb_defio_test_write_samples(test, ctx, old_addr, 0x10, 1);
	KUNIT_ASSERT_EQ(test, fb_defio_mock_unbind(ctx->mock), 0);
	KUNIT_ASSERT_EQ(test, fb_defio_mock_bind(ctx->mock), 0);
	ctx->info = fb_defio_mock_info(ctx->mock);
	ctx->file = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	addr = fb_defio_test_map_all(test, ctx);

	fb_defio_test_write_samples(test, ctx, addr, 0x20, 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(old_addr, 0x30), -EFAULT);
	KUNIT_EXPECT_EQ(test, vfs_fsync(old_file, 0), 0);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 2);

	fb_defio_test_unmap_all(test, ctx, old_addr);
	fb_defio_test_close(test, old_file);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).destroyed, 1);
	fb_defio_test_write_samples(test, ctx, addr, 0x40, 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 3);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Documentation of fb_deferred_io_init(): some drivers clean up and start again
 * for each mode, with files open and mapped. In between, nothing can be mapped or
 * written to. Then old mappings are as good as new ones.
 */
static void test_init_again(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long old_addr = fb_defio_test_map_all(test, ctx), addr;
	unsigned int round;
	u8 value;

	fb_defio_test_write_samples(test, ctx, old_addr, 0x10, 1);
	for (round = 0; round < 2; round++) {
		fb_deferred_io_cleanup(ctx->info);
		fb_defio_test_expect_samples_flushed(test, ctx, 2 * round + 1);
		KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, ctx->file, 0, ctx->npages, PROT_RDWR,
						       MAP_SHARED), -ENODEV);
		KUNIT_EXPECT_EQ(test, fault_kunit_write(old_addr, 0x30), -EFAULT);
		KUNIT_EXPECT_EQ(test, fault_kunit_read(old_addr, &value),
				ctx->contiguous ? -EFAULT : 0);
		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		KUNIT_ASSERT_EQ(test, fb_deferred_io_init(ctx->info), 0);

		addr = fb_defio_test_map_all(test, ctx);
		fb_defio_test_write_samples(test, ctx, addr, 0x20, 1);
		fb_defio_test_expect_samples(test, ctx, addr, true);
		fb_defio_test_write_samples(test, ctx, old_addr, 0x30, 1);
		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		fb_defio_test_expect_samples_flushed(test, ctx, 2 * round + 2);
		fb_defio_test_expect_samples(test, ctx, addr, false);
		fb_defio_test_expect_samples(test, ctx, old_addr, false);

		/* What is written last comes with the next cleanup. */
		fb_defio_test_write_samples(test, ctx, addr, 0x40, 1);
		fb_defio_test_unmap_all(test, ctx, old_addr);
		old_addr = addr;
	}

	/* Files that are opened from now on are no different. */
	fb_defio_test_unmap_all(test, ctx, old_addr);
	fb_defio_test_close(test, ctx->file);
	fb_defio_test_expect_samples_flushed(test, ctx, 5);
	ctx->file = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	addr = fb_defio_test_map_all(test, ctx);
	fb_defio_test_write_samples(test, ctx, addr, 0x50, 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_samples_flushed(test, ctx, 6);
	fb_defio_test_unmap_all(test, ctx, addr);
}

#ifdef FBINFO_KMEMFB
/*
 * The same with other memory: old mappings show what is in use now. What is beyond
 * its end raises SIGBUS. The old memory is not touched.
 */
static void test_init_again_with_other_memory(struct kunit *test)
{
	unsigned long npages = PFN_UP(fb_defio_test_len(test));
	/* The last one leaves part of a page. */
	const unsigned long lens[] = {
		2 * npages << PAGE_SHIFT, npages << PAGE_SHIFT, 2 * npages << PAGE_SHIFT,
		PAGE_SIZE / 2,
	};
	struct fb_defio_test *ctx;
	unsigned long addr, addr2;
	unsigned int i, j;
	u8 value;

	ctx = fb_defio_test_setup(test, .xres = 8, .yres = 8, .max_len = 2 * npages << PAGE_SHIFT,
				  .quarantine = true);
	addr = fb_defio_test_map_all(test, ctx);
	addr2 = fb_defio_test_map_all(test, ctx);
	for (i = 0; i < ctx->nsamples; i++)
		KUNIT_EXPECT_EQ(test, fault_kunit_read(addr2 + (ctx->samples[i] << PAGE_SHIFT),
						       &value), 1);
	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		KUNIT_ASSERT_EQ(test, fb_defio_mock_restart(ctx->mock, lens[i]), 0);
		/* What is beyond the mapping is of no interest. */
		fb_defio_test_set_npages(ctx, min(PFN_UP(lens[i]), npages));
		for (j = 0; j < ctx->nsamples; j++) {
			unsigned long offset = ctx->samples[j] << PAGE_SHIFT;

			*fb_defio_test_pixel(ctx, offset + 1) = 0x40 + i;
			KUNIT_EXPECT_FALSE(test, fault_kunit_present(addr + offset));
			KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + offset + 1, &value), 1);
			KUNIT_EXPECT_EQ(test, value, 0x40 + i);
			KUNIT_EXPECT_FALSE(test, fault_kunit_present(addr2 + offset));
			KUNIT_EXPECT_EQ(test, fault_kunit_read(addr2 + offset + 1, &value), 1);
			KUNIT_EXPECT_EQ(test, value, 0x40 + i);
		}
		if (ctx->npages < npages) {
			unsigned long pos = addr + (ctx->npages << PAGE_SHIFT);

			KUNIT_ASSERT_EQ(test, fault_kunit_read(pos, &value), -EFAULT);
			KUNIT_EXPECT_EQ(test, fault_kunit_write(pos, 1), -EFAULT);
			pos = addr2 + ((npages - 1) << PAGE_SHIFT);
			KUNIT_EXPECT_EQ(test, fault_kunit_write(pos, 1), -EFAULT);
		}

		fb_defio_test_write_samples(test, ctx, addr2, 0x20 + i, 1);
		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		fb_defio_test_expect_samples_flushed(test, ctx, 2 * i + 2);
		fb_defio_test_expect_samples(test, ctx, addr2, false);
		/* to be shown by the next cleanup */
		fb_defio_test_write_samples(test, ctx, addr, 0x30 + i, 1);
	}
	KUNIT_EXPECT_EQ(test, fb_defio_mock_poison_lost(ctx->mock), 0);
	vm_munmap(addr, npages << PAGE_SHIFT);
	vm_munmap(addr2, npages << PAGE_SHIFT);
}
#endif

/*
 * With less memory, page-backed mappings keep the pages beyond its end, but nobody
 * notices what is written to them.
 */
static void test_init_again_with_less_memory(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx), pos = addr + PAGE_SIZE;
	u32 len = ctx->info->fix.smem_len;
	u8 value;

	KUNIT_ASSERT_EQ(test, fault_kunit_write(pos, 0x10), 1);
	fb_deferred_io_cleanup(ctx->info);
	ctx->info->fix.smem_len = PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, fb_deferred_io_init(ctx->info), 0);
	KUNIT_EXPECT_EQ(test, fault_kunit_read(pos, &value), 0);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(pos, 0x20), -EFAULT);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 0x20), 1);

	fb_deferred_io_cleanup(ctx->info);
	ctx->info->fix.smem_len = len;
	KUNIT_ASSERT_EQ(test, fb_deferred_io_init(ctx->info), 0);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(pos, 0x30), 1);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * udlfb replaces its memory for a larger mode with deferred I/O running. Mappings
 * keep the pages that they have, which can be on the list, and new ones get pages
 * of the new memory. Neither triggers a warning, whatever was done to a page
 * before.
 */
static void test_memory_replaced(struct kunit *test)
{
	unsigned long len = fb_defio_test_len(test);
	struct fb_defio_test *ctx = fb_defio_test_setup(test, .max_len = 2 * len);
	unsigned long addr = fb_defio_test_map_all(test, ctx), addr2;
	const unsigned long listed[] = { 2, 4 }, again[] = { 0, 1, 2, 3, 4 };
	unsigned long page;
	u8 value;

	/* Page 0 is written and flushed, 1 only read, 2 and 4 written, 3 not touched. */
	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr, 0x10), 1);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	KUNIT_ASSERT_EQ(test, fault_kunit_read(addr + PAGE_SIZE, &value), 1);
	for (page = 2; page <= 4; page += 2)
		KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + page * PAGE_SIZE, 0x10), 1);

	KUNIT_ASSERT_EQ(test, fb_defio_mock_realloc(ctx->mock, 2 * len), 0);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 2, listed, ARRAY_SIZE(listed));

	/* A new mapping, then the old one, which maps page 3 only now. */
	addr2 = fb_defio_test_map_all(test, ctx);
	for (page = 0; page <= 4; page++) {
		KUNIT_ASSERT_EQ(test, fault_kunit_write(addr2 + page * PAGE_SIZE, 0x20), 1);
		KUNIT_EXPECT_EQ(test, *fb_defio_test_pixel(ctx, page * PAGE_SIZE), 0x20);
	}
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 3, again, ARRAY_SIZE(again));

	for (page = 0; page <= 4; page++) {
		unsigned long pos = addr + page * PAGE_SIZE;

		KUNIT_EXPECT_EQ(test, fault_kunit_read(pos, &value), page == 3);
		KUNIT_ASSERT_EQ(test, fault_kunit_write(pos, 0x30), 1);
		KUNIT_EXPECT_EQ(test, *fb_defio_test_pixel(ctx, page * PAGE_SIZE),
				page == 3 ? 0x30 : 0x20);
	}
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_flush(test, ctx, 4, again, ARRAY_SIZE(again));
	fb_defio_test_unmap_all(test, ctx, addr2);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * A mapping is an open file, too. With no descriptor left, munmap() is what
 * closes the framebuffer, and the device may have gone before.
 */
static void test_cleanup_with_mapping_only(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test, .free_in_destroy = true,
							.quarantine = true);
	unsigned long addr = fb_defio_test_map_all(test, ctx);

	fb_defio_test_write_samples(test, ctx, addr, 0x10, 1);
	fb_defio_test_close(test, ctx->file);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 0);
	KUNIT_ASSERT_EQ(test, fb_defio_mock_unbind(ctx->mock), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 1);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).destroyed, 0);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), -EFAULT);

	fb_defio_test_unmap_all(test, ctx, addr);
	/* A worker closes the file, as this is a kernel thread. */
	fb_defio_test_wait(test, fb_defio_test_stats(ctx).destroyed);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).destroyed, 1);
	KUNIT_EXPECT_EQ(test, fb_defio_mock_poison_lost(ctx->mock), 0);
}

static struct kunit_case fb_defio_cases[] = {
	KUNIT_CASE_PARAM(test_read_fault, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_write_fault, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_read_then_write, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_two_processes, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_flush, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_flush_nothing_dirty, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_fsync_after_cancel, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_sort_pagereflist, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_delay, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_no_update_is_lost, fb_defio_test_all_gen_params),
#ifdef FBINFO_KMEMFB
	KUNIT_CASE_PARAM(test_struct_page_is_left_alone, fb_defio_test_contiguous_gen_params),
#endif
	KUNIT_CASE_PARAM(test_page_counts, fb_defio_test_page_backed_gen_params),
	KUNIT_CASE_PARAM(test_free_and_allocate_again, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_last_page, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_beyond_the_end, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_no_page, fb_defio_test_page_backed_gen_params),
	KUNIT_CASE_PARAM(test_map_private, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_map_private_read_only, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_read_only_open, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_map_middle, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_two_nodes, fb_defio_test_all_gen_params),
#ifdef FBINFO_KMEMFB
	KUNIT_CASE_PARAM(test_gup_is_refused, fb_defio_test_contiguous_gen_params),
	KUNIT_CASE_PARAM(test_follow_pfnmap, fb_defio_test_contiguous_gen_params),
	KUNIT_CASE_PARAM(test_access, fb_defio_test_contiguous_gen_params),
#endif
	KUNIT_CASE_PARAM(test_last_close_flushes, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_cleanup_free_in_remove, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_cleanup_free_in_destroy, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_cleanup_and_bind_again, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_init_again, fb_defio_test_all_gen_params),
#ifdef FBINFO_KMEMFB
	KUNIT_CASE_PARAM(test_init_again_with_other_memory, fb_defio_test_resizable_gen_params),
#endif
	KUNIT_CASE_PARAM(test_init_again_with_less_memory, fb_defio_test_page_backed_gen_params),
	KUNIT_CASE_PARAM(test_memory_replaced, fb_defio_test_page_backed_gen_params),
	KUNIT_CASE_PARAM(test_cleanup_with_mapping_only, fb_defio_test_all_gen_params),
	{}
};

static struct kunit_suite fb_defio_suite = {
	.name = "fb_defio",
	.suite_init = fb_defio_test_suite_init,
	.suite_exit = fb_defio_test_suite_exit,
	.test_cases = fb_defio_cases,
};

/*
 * Slow panels
 */

static long fb_defio_test_do_fsync(unsigned long file, unsigned long unused)
{
	return vfs_fsync((struct file *)file, 0);
}

/* Returns how many pages have been shown when fsync() returns. */
static long fb_defio_test_fsync_pages(unsigned long file, unsigned long mock)
{
	struct fb_defio_mock_stats stats;
	int ret = vfs_fsync((struct file *)file, 0);

	fb_defio_mock_get_stats((struct fb_defio_mock *)mock, &stats);

	return ret ?: stats.pages;
}

static void fb_defio_test_release(void *mock)
{
	fb_defio_mock_hold(mock, false);
}

/* Has a process call fsync(), and returns when the panel holds the callback. */
static void fb_defio_test_hold(struct kunit *test, struct fb_defio_test *ctx,
			       struct fault_kunit_process *process)
{
	fb_defio_mock_hold(ctx->mock, true);
	/* However this test ends, nobody waits forever. */
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_test_release, ctx->mock),
			0);
	fault_kunit_process_begin(process, fb_defio_test_do_fsync, (unsigned long)ctx->file, 0);
	KUNIT_ASSERT_EQ(test, fb_defio_mock_wait_held(ctx->mock), 0);
}

/*
 * While the driver sends pages to a slow panel, programs go on: page faults wait
 * neither on pages that are being sent nor on others. What is written comes with the
 * next list. fsync() waits for the callback that is under way and for its own.
 */
static void test_callback_stops_nobody(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	struct fault_kunit_process *flusher = fault_kunit_process_start(test);
	struct fault_kunit_process *waiter = fault_kunit_process_start(test);
	struct file *file2 = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	unsigned long addr = fb_defio_test_map_all(test, ctx), addr2;
	unsigned long last = ctx->npages - 1, pages = last ? 2 : 1;
	const u8 *panel = fb_defio_mock_panel(ctx->mock);
	u8 value;

	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr, 0x10), 1);
	fb_defio_test_hold(test, ctx, flusher);
	KUNIT_EXPECT_EQ(test, panel[0], 0x10);

	/* If one of these had to wait, it would wait forever. */
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 0x20), 1);
	if (last)
		KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + (last << PAGE_SHIFT), 0x30), 1);
	if (last > 1)
		KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + PAGE_SIZE, &value), 1);
	addr2 = fb_defio_test_map_all(test, ctx);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr2 + 1, 0x40), 1);
	fb_defio_test_unmap_all(test, ctx, addr2);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 0);
	KUNIT_EXPECT_EQ(test, panel[0], 0x10);
	KUNIT_EXPECT_FALSE(test, fault_kunit_process_done(flusher));

	fault_kunit_process_begin(waiter, fb_defio_test_fsync_pages, (unsigned long)file2,
				  (unsigned long)ctx->mock);
	kunit_release_action(test, fb_defio_test_release, ctx->mock);
	KUNIT_EXPECT_EQ(test, fault_kunit_process_end(flusher), 0);
	KUNIT_EXPECT_EQ(test, fault_kunit_process_end(waiter), 1 + pages);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).pages, 1 + pages);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).concurrent, 0);
	fb_defio_test_expect_shown(test, ctx);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Two callbacks never run at the same time. As the work is cancelled, each of two
 * processes calls back from its own fsync(). The panel holds the first one; the second
 * one sleeps until it is released: for its turn, or in a callback of its own, which the
 * mock device would notice.
 */
static void test_one_callback_at_a_time(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_setup(test);
	struct fault_kunit_process *first = fault_kunit_process_start(test);
	struct fault_kunit_process *second = fault_kunit_process_start(test);
	struct file *file2 = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	struct delayed_work *work = &ctx->info->deferred_work;
	unsigned long addr = fb_defio_test_map_all(test, ctx);

	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr, 0x10), 1);
	KUNIT_EXPECT_TRUE(test, cancel_delayed_work_sync(work));
	fb_defio_test_hold(test, ctx, first);
	KUNIT_EXPECT_EQ(test, work_busy(&work->work), 0);

	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + PAGE_SIZE, 0x20), 1);
	KUNIT_EXPECT_TRUE(test, cancel_delayed_work_sync(work));
	fault_kunit_process_begin(second, fb_defio_test_do_fsync, (unsigned long)file2, 0);
	while (!fault_kunit_process_blocked(second) && !fault_kunit_process_done(second))
		msleep(20);
	KUNIT_EXPECT_FALSE(test, fault_kunit_process_done(second));

	kunit_release_action(test, fb_defio_test_release, ctx->mock);
	KUNIT_EXPECT_EQ(test, fault_kunit_process_end(first), 0);
	KUNIT_EXPECT_EQ(test, fault_kunit_process_end(second), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).concurrent, 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, 2);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).pages, 2);
	fb_defio_test_expect_shown(test, ctx);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Busy screens
 *
 * Once two flushes have found many pages within twice the delay, pages stay writable
 * and flushes look for dirty PTEs. With the delay of these tests, it is certain that
 * the time has not passed.
 */

/* Writes to the pages @first to @end - 1. Returns the number of faults, or -EFAULT. */
static long fb_defio_test_draw(unsigned long addr, unsigned long first, unsigned long end,
			       u8 value)
{
	long ret, faults = 0;
	unsigned long i;

	for (i = first; i < end; i++) {
		ret = fault_kunit_write(addr + (i << PAGE_SHIFT) + i % 251, value + i);
		if (ret < 0)
			return ret;
		faults += ret;
	}

	return faults;
}

/* Expects a number of writes to have taken no fault that deferred I/O has seen. */
static void fb_defio_test_expect_no_faults(struct kunit *test, long faults, long writes)
{
	KUNIT_EXPECT_GE(test, faults, 0);
	KUNIT_EXPECT_LE(test, faults, fault_kunit_hardware_dirty() ? 0 : writes);
}

/* Makes a device that can be busy. It has twice the pages that it takes, at least. */
static struct fb_defio_test *__fb_defio_test_busy_setup(struct kunit *test,
							struct fb_defio_mock_params params)
{
	params.len = max(fb_defio_test_len(test), 2 * FB_DEFIO_TEST_BUSY_PAGES << PAGE_SHIFT);

	return __fb_defio_test_setup(test, params);
}

#define fb_defio_test_busy_setup(test, ...) \
	__fb_defio_test_busy_setup(test, (struct fb_defio_mock_params){ __VA_ARGS__ })

/* Makes the screen busy. All of its pages are mapped and writable then, and clean. */
static void fb_defio_test_make_busy(struct kunit *test, struct fb_defio_test *ctx,
				    unsigned long addr)
{
	int i;

	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_GE(test, fb_defio_test_draw(addr, 0, ctx->npages, i), 0);
		KUNIT_ASSERT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	}
	fb_defio_test_expect_no_faults(test, fb_defio_test_draw(addr, 0, ctx->npages, i),
				       ctx->npages);
	KUNIT_ASSERT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_shown(test, ctx);
}

/* A single write, for which there is no fault as the screen is busy. */
static void fb_defio_test_busy_write(struct kunit *test, unsigned long addr, unsigned long page,
				     u8 value)
{
	fb_defio_test_expect_no_faults(test, fault_kunit_write(addr + (page << PAGE_SHIFT), value),
				       1);
}

/* fsync() shows all, and sends exactly @pages. */
static void fb_defio_test_busy_flush(struct kunit *test, struct fb_defio_test *ctx,
				     const unsigned long *pages, unsigned int npages)
{
	struct fb_defio_mock_stats stats = fb_defio_test_stats(ctx);

	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).pages, stats.pages + npages);
	fb_defio_test_expect_flush(test, ctx, stats.flushes + 1, pages, npages);
}

/* Time goes by, until the worker has write-protected all pages. */
static void fb_defio_test_end_busy(struct kunit *test, struct fb_defio_test *ctx)
{
	struct delayed_work *work = &ctx->info->deferred_work;
	unsigned long delay = ctx->info->fbdefio->delay;
	unsigned long deadline = jiffies + msecs_to_jiffies(FB_DEFIO_TEST_WAIT_MS);
	u64 flushes;

	ctx->info->fbdefio->delay = 1;
	/* The worker may queue itself, and end, while work_busy() looks: count its flushes. */
	do {
		flushes = fb_defio_test_stats(ctx).flushes;
		flush_delayed_work(work);
	} while ((work_busy(&work->work) || fb_defio_test_stats(ctx).flushes != flushes) &&
		 time_before(jiffies, deadline));
	KUNIT_EXPECT_EQ(test, work_busy(&work->work), 0);
	ctx->info->fbdefio->delay = delay;
}

/*
 * The first redraws cost one fault for each page, those that follow none. Each flush
 * gets all of the pages that were written, no matter how it has learnt of them.
 */
static void test_busy_begins(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long n = FB_DEFIO_TEST_BUSY_PAGES, other = n + 3;
	unsigned int round;

	for (round = 0; round < 6; round++) {
		long faults = fb_defio_test_draw(addr, 0, n, 0x10 * round);

		if (round < 2)
			KUNIT_EXPECT_EQ(test, faults, n);
		else if (round > 2)
			fb_defio_test_expect_no_faults(test, faults, n);
		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, round + 1);
		KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).pages, n * (round + 1));
		fb_defio_test_expect_shown(test, ctx);
	}

	/* A page that had not been written takes a fault, and is like the others then. */
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + (other << PAGE_SHIFT), 1), 1);
	fb_defio_test_busy_flush(test, ctx, &other, 1);
	fb_defio_test_busy_write(test, addr, other, 2);
	fb_defio_test_busy_flush(test, ctx, &other, 1);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/* A clock or a cursor is never busy: each first write is noticed by a fault. */
static void test_busy_takes_many_pages(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long n = FB_DEFIO_TEST_BUSY_PAGES - 1;
	unsigned int round;

	for (round = 0; round < 6; round++) {
		KUNIT_EXPECT_EQ(test, fb_defio_test_draw(addr, 0, n, round), n);
		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).pages, n * (round + 1));
		fb_defio_test_expect_shown(test, ctx);
		KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));
	}
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Nor is a screen in the pages of a file, however much of it is drawn. The file has to
 * find them dirty.
 */
static void test_busy_not_with_file(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long i, clean = 0;
	unsigned int round;

	for (round = 0; round < 6; round++) {
		KUNIT_EXPECT_EQ(test, fb_defio_test_draw(addr, 0, ctx->npages, round),
				ctx->npages);
		KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
		KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).pages, ctx->npages * (round + 1));
		fb_defio_test_expect_shown(test, ctx);
		KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));
		for (i = 0; i < ctx->npages; i++)
			clean += !PageDirty(fb_defio_mock_page(ctx->mock, i));
	}
	KUNIT_EXPECT_EQ(test, clean, 0);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * The driver gets the pages that were written since the last flush, and not all that
 * could have been. fsync() after fsync() does not end it.
 */
static void test_busy_sends_what_is_written(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long pages[] = { 5, 9, ctx->npages - 1 };
	unsigned int round, i;
	u8 value;

	fb_defio_test_make_busy(test, ctx, addr);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < ctx->npages; i++)
			KUNIT_ASSERT_EQ(test, fault_kunit_read(addr + (i << PAGE_SHIFT), &value),
					0);
		fb_defio_test_busy_flush(test, ctx, NULL, 0);
		for (i = 0; i < ARRAY_SIZE(pages); i++)
			fb_defio_test_busy_write(test, addr, pages[i], 0x80 + round);
		fb_defio_test_busy_flush(test, ctx, pages, ARRAY_SIZE(pages));
	}
	fb_defio_test_unmap_all(test, ctx, addr);
}

/*
 * Some time after the last burst, the pages are write-protected. What was written
 * before that is shown, and then there is no work left that would wake the machine.
 */
static void test_busy_ends(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	struct delayed_work *work = &ctx->info->deferred_work;
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long pages[] = { 3, 7 }, pos = addr + (pages[0] << PAGE_SHIFT);
	struct fb_defio_mock_stats stats;

	fb_defio_test_make_busy(test, ctx, addr);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(work));
	stats = fb_defio_test_stats(ctx);
	fb_defio_test_busy_write(test, addr, pages[0], 0x33);

	fb_defio_test_end_busy(test, ctx);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).pages, stats.pages + 1);
	fb_defio_test_expect_shown(test, ctx);

	KUNIT_EXPECT_FALSE(test, fault_kunit_writable(pos));
	stats = fb_defio_test_stats(ctx);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, stats.flushes);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(pos, 0x34), 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + (pages[1] << PAGE_SHIFT), 0x35), 1);
	fb_defio_test_busy_flush(test, ctx, pages, ARRAY_SIZE(pages));
	KUNIT_EXPECT_FALSE(test, fault_kunit_writable(pos));
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(work));

	/* The screen can become busy again. */
	fb_defio_test_make_busy(test, ctx, addr);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/* With the work cancelled, fsync() and the last close look for dirty PTEs themselves. */
static void test_busy_work_cancelled(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	const unsigned long page = 5;

	fb_defio_test_make_busy(test, ctx, addr);
	fb_defio_test_busy_write(test, addr, page, 0x51);
	KUNIT_EXPECT_TRUE(test, cancel_delayed_work_sync(&ctx->info->deferred_work));
	fb_defio_test_busy_flush(test, ctx, &page, 1);

	fb_defio_test_busy_write(test, addr, page, 0x52);
	fb_defio_test_unmap_all(test, ctx, addr);
	KUNIT_EXPECT_TRUE(test, cancel_delayed_work_sync(&ctx->info->deferred_work));
	fb_defio_test_close(test, ctx->file);
	fb_defio_test_expect_shown(test, ctx);
}

/*
 * munmap() takes the dirty bits away with the PTEs. What was written is shown all the
 * same, and what is left of the mapping works as before.
 */
static void test_busy_unmap(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long rest = addr + 10 * PAGE_SIZE;
	const unsigned long page = 40;

	fb_defio_test_make_busy(test, ctx, addr);
	fb_defio_test_busy_write(test, addr, 2, 0x60);
	fb_defio_test_busy_write(test, addr, 8, 0x61);
	fb_defio_test_busy_write(test, addr, page, 0x62);
	KUNIT_ASSERT_EQ(test, vm_munmap(addr, 10 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_shown(test, ctx);

	fb_defio_test_busy_write(test, addr, page, 0x63);
	fb_defio_test_busy_flush(test, ctx, &page, 1);
	fb_defio_test_busy_write(test, addr, page, 0x64);
	fb_defio_test_busy_write(test, addr, ctx->npages - 1, 0x65);
	KUNIT_ASSERT_EQ(test, vm_munmap(rest, (ctx->npages - 10) << PAGE_SHIFT), 0);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_shown(test, ctx);

	/* Nothing is mapped, so nothing is found. */
	fb_defio_test_busy_flush(test, ctx, NULL, 0);
}

/*
 * The last close shows what was written, too, and ends it. Nothing of it is left for
 * the next one who opens the framebuffer.
 */
static void test_busy_last_close(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	const unsigned long page = 5;

	fb_defio_test_make_busy(test, ctx, addr);
	fb_defio_test_busy_write(test, addr, page, 0x70);
	fb_defio_test_unmap_all(test, ctx, addr);
	fb_defio_test_close(test, ctx->file);
	fb_defio_test_expect_shown(test, ctx);
	KUNIT_EXPECT_EQ(test, work_busy(&ctx->info->deferred_work.work), 0);

	ctx->file = fb_defio_test_open(test, ctx->info->node, O_RDWR);
	addr = fb_defio_test_map_all(test, ctx);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + (page << PAGE_SHIFT), 0x71), 1);
	fb_defio_test_unmap_all(test, ctx, addr);
	fb_defio_test_busy_flush(test, ctx, &page, 1);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));
}

/* A second process, which has PTEs and a mapping of its own. */
static void test_busy_two_processes(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	struct fault_kunit_process *other = fault_kunit_process_start(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx), other_addr;
	unsigned long pages[] = { 8, 9 };

	fb_defio_test_make_busy(test, ctx, addr);
	other_addr = fault_kunit_process_mmap(other, ctx->file, 8, 4, PROT_RDWR);
	KUNIT_EXPECT_EQ(test, fault_kunit_process_write(other, other_addr, 1), 1);
	fb_defio_test_busy_flush(test, ctx, pages, 1);
	fb_defio_test_expect_no_faults(test, fault_kunit_process_write(other, other_addr, 2), 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_process_write(other, other_addr + PAGE_SIZE, 3), 1);
	fb_defio_test_busy_write(test, addr, 8, 4);
	fb_defio_test_busy_flush(test, ctx, pages, 2);

	fb_defio_test_expect_no_faults(test, fault_kunit_process_write(other, other_addr, 5), 1);
	fault_kunit_process_munmap(other);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_shown(test, ctx);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/* A mapping that nobody can have written through leaves nothing to send. */
static void test_busy_unmap_read_only(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	struct file *ro_file = fb_defio_test_open(test, ctx->info->node, O_RDONLY);
	unsigned long addr = fb_defio_test_map_all(test, ctx), ro_addr;
	u8 value;

	fb_defio_test_make_busy(test, ctx, addr);
	ro_addr = fb_defio_test_map(test, ro_file, 0, ctx->npages, PROT_READ);
	KUNIT_EXPECT_EQ(test, fault_kunit_read(ro_addr, &value), 1);
	fb_defio_test_unmap_all(test, ctx, ro_addr);
	ro_addr = fault_kunit_mmap(test, ctx->file, 0, ctx->npages, PROT_READ, MAP_PRIVATE);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(ro_addr));
	KUNIT_EXPECT_EQ(test, fault_kunit_read(ro_addr, &value), 1);
	fb_defio_test_unmap_all(test, ctx, ro_addr);
	fb_defio_test_busy_flush(test, ctx, NULL, 0);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/* Cleanup shows what no flush has found yet, and ends write access. */
static void test_busy_cleanup(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test, .quarantine = true);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	const u8 *panel = fb_defio_mock_panel(ctx->mock);
	struct fb_defio_mock_stats stats;
	u8 value;

	fb_defio_test_make_busy(test, ctx, addr);
	stats = fb_defio_test_stats(ctx);
	fb_defio_test_busy_write(test, addr, 5, 0x81);
	fb_defio_test_busy_write(test, addr, ctx->npages - 1, 0x82);
	KUNIT_ASSERT_EQ(test, fb_defio_mock_unbind(ctx->mock), 0);
	KUNIT_EXPECT_EQ(test, panel[5 * PAGE_SIZE], 0x81);
	KUNIT_EXPECT_EQ(test, panel[(ctx->npages - 1) << PAGE_SHIFT], 0x82);
	/*
	 * A mapping of contiguous memory may be half unmapped, so all of it is sent
	 * once more.
	 */
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).pages,
			stats.pages + 2 + (ctx->contiguous ? ctx->npages : 0));

	stats = fb_defio_test_stats(ctx);
	KUNIT_EXPECT_EQ(test, work_busy(&ctx->info->deferred_work.work), 0);
	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr, &value), ctx->contiguous ? -EFAULT : 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_draw(addr, 0, 1, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, fb_defio_test_draw(addr, 5, 6, 1), -EFAULT);
	fb_defio_test_unmap_all(test, ctx, addr);
	fb_defio_test_close(test, ctx->file);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, stats.flushes);
	KUNIT_EXPECT_EQ(test, fb_defio_mock_poison_lost(ctx->mock), 0);
}

/*
 * munmap() zaps the PTEs of contiguous memory, with their dirty bits, and calls
 * ->close later. What was written is shown, even if the screen ceases to be busy in
 * between.
 */
static void test_busy_ends_in_munmap(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);

	fb_defio_test_make_busy(test, ctx, addr);
	fb_defio_test_busy_write(test, addr, 5, 0xc0);
	unmap_mapping_range(ctx->file->f_mapping, 0, 0, 1);
	fb_defio_test_end_busy(test, ctx);
	fb_defio_test_unmap_all(test, ctx, addr);
	KUNIT_EXPECT_EQ(test, vfs_fsync(ctx->file, 0), 0);
	fb_defio_test_expect_shown(test, ctx);
}

#define FB_DEFIO_TEST_LATE_PAGE	5

/* How often the dirty flag of that page has been looked at. */
static unsigned int fb_defio_test_looks;

/* A dirty PTE of the page is zapped between the first look at the flag and the second. */
static struct page *fb_defio_test_late_get_page(struct fb_info *info, unsigned long offset)
{
	struct page *page = vmalloc_to_page(info->screen_buffer + offset);

	if (offset >> PAGE_SHIFT == FB_DEFIO_TEST_LATE_PAGE && ++fb_defio_test_looks == 2)
		folio_mark_dirty(page_folio(page));
	get_page(page);

	return page;
}

/*
 * Page-backed memory: a mapping can go away after a flush has looked at the dirty
 * flags, and before it write-protects what is left. So the last flush looks twice.
 */
static void test_busy_flag_set_late(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	const unsigned long page = FB_DEFIO_TEST_LATE_PAGE;
	struct fb_defio_mock_stats stats;

	fb_defio_test_make_busy(test, ctx, addr);
	cancel_delayed_work_sync(&ctx->info->deferred_work);
	stats = fb_defio_test_stats(ctx);
	fb_defio_test_looks = 0;
	ctx->info->fbdefio->get_page = fb_defio_test_late_get_page;
	fb_deferred_io_cleanup(ctx->info);
	KUNIT_EXPECT_EQ(test, fb_defio_test_looks, 2);
	fb_defio_test_expect_flush(test, ctx, stats.flushes + 1, &page, 1);
	fb_defio_test_unmap_all(test, ctx, addr);
}

/* The next fb_deferred_io_init() knows nothing of it. */
static void test_busy_init_again(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx), page = 5;
	int round;

	for (round = 0; round < 2; round++) {
		fb_defio_test_make_busy(test, ctx, addr);
		fb_defio_test_busy_write(test, addr, page, 0x90 + round);
		fb_deferred_io_cleanup(ctx->info);
		fb_defio_test_expect_shown(test, ctx);
		KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), -EFAULT);
		KUNIT_ASSERT_EQ(test, fb_deferred_io_init(ctx->info), 0);

		KUNIT_EXPECT_FALSE(test, delayed_work_pending(&ctx->info->deferred_work));
		KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + (page << PAGE_SHIFT), 0xa0), 1);
		fb_defio_test_busy_flush(test, ctx, &page, 1);
		KUNIT_EXPECT_FALSE(test, fault_kunit_writable(addr + (page << PAGE_SHIFT)));
	}
	fb_defio_test_unmap_all(test, ctx, addr);
}

#ifdef FBINFO_KMEMFB
/* Debuggers write without a PTE. */
static void test_busy_access(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	const unsigned long page = 5;
	u8 buf[4] = { 1, 2, 3, 4 };

	fb_defio_test_make_busy(test, ctx, addr);
	KUNIT_EXPECT_EQ(test, fb_defio_test_do_access(test, addr + (page << PAGE_SHIFT), buf, 4, 1),
			ctx->contiguous ? 4 : -ENOENT);
	fb_defio_test_busy_flush(test, ctx, &page, ctx->contiguous);
	fb_defio_test_unmap_all(test, ctx, addr);
}
#endif

/* What is written while the driver sends pages is on the next list. */
static void test_busy_callback(struct kunit *test)
{
	struct fb_defio_test *ctx = fb_defio_test_busy_setup(test);
	struct fault_kunit_process *flusher = fault_kunit_process_start(test);
	unsigned long addr = fb_defio_test_map_all(test, ctx);
	unsigned long pages[] = { 5, 40 };
	struct fb_defio_mock_stats stats;

	fb_defio_test_make_busy(test, ctx, addr);
	stats = fb_defio_test_stats(ctx);
	fb_defio_test_busy_write(test, addr, pages[0], 0xb0);
	fb_defio_test_hold(test, ctx, flusher);
	fb_defio_test_busy_write(test, addr, pages[0], 0xb1);
	fb_defio_test_busy_write(test, addr, pages[1], 0xb2);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, stats.flushes);
	kunit_release_action(test, fb_defio_test_release, ctx->mock);
	KUNIT_EXPECT_EQ(test, fault_kunit_process_end(flusher), 0);
	KUNIT_EXPECT_EQ(test, fb_defio_test_stats(ctx).flushes, stats.flushes + 1);
	fb_defio_test_busy_flush(test, ctx, pages, ARRAY_SIZE(pages));
	fb_defio_test_unmap_all(test, ctx, addr);
}

static struct kunit_case fb_defio_busy_cases[] = {
	KUNIT_CASE_PARAM(test_callback_stops_nobody, fb_defio_test_all_gen_params),
	KUNIT_CASE_PARAM(test_one_callback_at_a_time, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_begins, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_takes_many_pages, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_not_with_file, fb_defio_test_file_gen_params),
	KUNIT_CASE_PARAM(test_busy_sends_what_is_written, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_ends, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_work_cancelled, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_unmap, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_last_close, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_two_processes, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_unmap_read_only, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_cleanup, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_ends_in_munmap, fb_defio_test_busy_gen_params),
	KUNIT_CASE_PARAM(test_busy_flag_set_late, fb_defio_test_page_backed_gen_params),
	KUNIT_CASE_PARAM(test_busy_init_again, fb_defio_test_busy_gen_params),
#ifdef FBINFO_KMEMFB
	KUNIT_CASE_PARAM(test_busy_access, fb_defio_test_busy_gen_params),
#endif
	KUNIT_CASE_PARAM(test_busy_callback, fb_defio_test_busy_gen_params),
	{}
};

static struct kunit_suite fb_defio_busy_suite = {
	.name = "fb_defio_busy",
	.suite_init = fb_defio_test_suite_init,
	.suite_exit = fb_defio_test_suite_exit,
	.test_cases = fb_defio_busy_cases,
};

#ifdef FBINFO_KMEMFB

/*
 * Contract
 */

#define FB_DEFIO_CONTRACT_ORDER	2
/* Half of the memory where pages have 4 KiB */
#define FB_DEFIO_CONTRACT_XRES	64
#define FB_DEFIO_CONTRACT_YRES	32

struct fb_defio_contract {
	struct fb_info *info;
	struct page *pages;
	struct fb_deferred_io fbdefio;
	u32 palette[16];
};

static void fb_defio_contract_deferred_io(struct fb_info *info, struct list_head *pagelist)
{
}

static struct page *fb_defio_contract_get_page(struct fb_info *info, unsigned long offset)
{
	return NULL;
}

/* A console can take the framebuffer while it is registered: let it draw. */
static const struct fb_ops fb_defio_contract_ops = {
	.owner		= THIS_MODULE,
	__FB_DEFAULT_SYSMEM_OPS_RDWR,
	__FB_DEFAULT_SYSMEM_OPS_DRAW,
	.fb_mmap	= fb_deferred_io_mmap,
};

KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_contract_release, framebuffer_release, struct fb_info *);
KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_contract_vfree, vfree, void *);
KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_contract_vunmap, vunmap, void *);

KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_contract_cleanup, fb_deferred_io_cleanup, struct fb_info *);
KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_contract_unregister, unregister_framebuffer,
			    struct fb_info *);

static void fb_defio_contract_free_pages(void *pages)
{
	__free_pages(pages, FB_DEFIO_CONTRACT_ORDER);
}

/* A framebuffer that keeps the contract of FBINFO_KMEMFB, for the test to break. */
static struct fb_defio_contract *fb_defio_contract_setup(struct kunit *test)
{
	struct fb_defio_contract *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	struct fb_info *info;

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	/* The largest length of the suite has to start low in memory. */
	ctx->pages = alloc_pages(GFP_KERNEL | GFP_DMA32 | __GFP_ZERO, FB_DEFIO_CONTRACT_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, ctx->pages);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_free_pages,
							ctx->pages), 0);

	info = framebuffer_alloc(0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, info);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_release, info), 0);
	ctx->info = info;

	ctx->fbdefio.deferred_io = fb_defio_contract_deferred_io;
	info->fbdefio = &ctx->fbdefio;
	info->fbops = &fb_defio_contract_ops;
	info->flags = FBINFO_VIRTFB | FBINFO_KMEMFB;
	info->screen_buffer = page_address(ctx->pages);
	info->fix.smem_start = virt_to_phys(info->screen_buffer);
	info->fix.smem_len = PAGE_SIZE << FB_DEFIO_CONTRACT_ORDER;
	info->fix.line_length = FB_DEFIO_CONTRACT_XRES * 4;
	info->fix.visual = FB_VISUAL_TRUECOLOR;
	info->var.xres = FB_DEFIO_CONTRACT_XRES;
	info->var.yres = FB_DEFIO_CONTRACT_YRES;
	info->var.xres_virtual = FB_DEFIO_CONTRACT_XRES;
	info->var.yres_virtual = FB_DEFIO_CONTRACT_YRES;
	info->var.bits_per_pixel = 32;
	info->pseudo_palette = ctx->palette;

	return ctx;
}

/*
 * Expects init to refuse the framebuffer and to leave it as if it did not have
 * deferred I/O: nothing of it has changed, it can be registered and opened, not
 * mapped, and needs no cleanup, although a cleanup does no harm.
 */
static void fb_defio_contract_expect_refused(struct kunit *test, struct fb_info *info)
{
	/* All of it, because the fields of deferred I/O differ between kernels. */
	struct fb_info *before = kunit_kmalloc(test, sizeof(*before), GFP_KERNEL);
	struct fb_deferred_io fbdefio = {};
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, before);
	memcpy(before, info, sizeof(*before));
	if (info->fbdefio)
		memcpy(&fbdefio, info->fbdefio, sizeof(fbdefio));

	KUNIT_ASSERT_EQ(test, fb_deferred_io_init(info), -EINVAL);
	KUNIT_EXPECT_NULL(test, info->fbdefio_state);
	KUNIT_EXPECT_EQ(test, memcmp(before, info, sizeof(*before)), 0);
	if (info->fbdefio)
		KUNIT_EXPECT_EQ(test, memcmp(&fbdefio, info->fbdefio, sizeof(fbdefio)), 0);
	fb_deferred_io_cleanup(info);
	KUNIT_EXPECT_EQ(test, memcmp(before, info, sizeof(*before)), 0);

	/* On big-endian machines, registration has set this flag before. */
	info->flags &= ~FBINFO_FOREIGN_ENDIAN;
	KUNIT_ASSERT_EQ(test, register_framebuffer(info), 0);
	file = fb_defio_test_do_open(info->node, O_RDWR);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, file);
	if (!IS_ERR(file)) {
		KUNIT_EXPECT_PTR_EQ(test, file->f_mapping, file_inode(file)->i_mapping);
		KUNIT_EXPECT_EQ(test, fault_kunit_mmap(test, file, 0, 1, PROT_RDWR, MAP_SHARED),
				-ENODEV);
		KUNIT_EXPECT_EQ(test, vfs_fsync(file, 0), 0);
		__fput_sync(file);
	}
	unregister_framebuffer(info);
}

/* Expects init to take the framebuffer, and a mapping to show its memory. */
static void fb_defio_contract_expect_mapped(struct kunit *test, struct fb_info *info)
{
	struct file *file;
	unsigned long addr;

	KUNIT_ASSERT_EQ(test, fb_deferred_io_init(info), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_cleanup, info), 0);
	KUNIT_ASSERT_EQ(test, register_framebuffer(info), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_unregister, info),
			0);
	file = fb_defio_test_open(test, info->node, O_RDWR);
	addr = fb_defio_test_map(test, file, 1, 1, PROT_RDWR);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 0x5a), 1);
	KUNIT_EXPECT_EQ(test, *((u8 *)info->screen_buffer + PAGE_SIZE), 0x5a);
	vm_munmap(addr, PAGE_SIZE);

	fb_defio_test_close(test, file);
	kunit_release_action(test, fb_defio_contract_unregister, info);
	kunit_release_action(test, fb_defio_contract_cleanup, info);
}

/* A fixture that no test has broken is accepted, also a second time. */
static void test_contract_kept(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	int i;

	for (i = 0; i < 2; i++) {
		fb_defio_contract_expect_mapped(test, ctx->info);
		KUNIT_EXPECT_EQ(test, ctx->fbdefio.delay, HZ); /* documented default */
	}
}

/* Contract: the buffer is page aligned. */
static void test_contract_unaligned(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->info->screen_buffer += 8;
	ctx->info->fix.smem_start += 8;
	ctx->info->fix.smem_len -= 8;
	fb_defio_contract_expect_refused(test, ctx->info);
}

/* smem_start is for user space. Whether it is right, wrong or hidden does not matter. */
static void test_contract_wrong_smem_start(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->info->fix.smem_start += PAGE_SIZE;
	fb_defio_contract_expect_mapped(test, ctx->info);
}

static void test_contract_no_smem_start(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->info->fix.smem_start = 0;
	fb_defio_contract_expect_mapped(test, ctx->info);
}

static void test_contract_hidden_smem_start(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->info->flags |= FBINFO_HIDE_SMEM_START;
	fb_defio_contract_expect_mapped(test, ctx->info);
}

/* Contract: the memory is in the linear mapping. That of vmalloc() is not. */
static void test_contract_vmalloc(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	void *buffer = vzalloc(ctx->info->fix.smem_len);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_vfree, buffer), 0);
	ctx->info->screen_buffer = buffer;
	ctx->info->fix.smem_start = PFN_PHYS(vmalloc_to_pfn(buffer));
	fb_defio_contract_expect_refused(test, ctx->info);
}

/* Contract: the memory is in the linear mapping up to its last byte. */
static void test_contract_not_linear_to_the_end(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	const char *buffer = ctx->info->screen_buffer;
	u32 offset;

	/* Memory ends somewhere, or has a hole. */
	for (offset = 0; offset < (u32)PAGE_MASK; offset += PAGE_SIZE) {
		if (!virt_addr_valid(buffer + offset))
			break;
	}
	if (offset == (u32)PAGE_MASK)
		kunit_skip(test, "4 GiB of memory without a hole");

	ctx->info->fix.smem_len = offset + 1;
	fb_defio_contract_expect_refused(test, ctx->info);
}

/* Contract: a framebuffer has a length. */
static void test_contract_zero_length(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->info->fix.smem_len = 0;
	fb_defio_contract_expect_refused(test, ctx->info);
}

/* Contract: pages come from one place, either get_page or screen_buffer. */
static void test_contract_get_page(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->fbdefio.get_page = fb_defio_contract_get_page;
	fb_defio_contract_expect_refused(test, ctx->info);
}

/* Without FBINFO_KMEMFB, memory in the linear mapping is refused, whatever smem_start says. */
static void test_contract_no_flag(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->info->flags &= ~FBINFO_KMEMFB;
	fb_defio_contract_expect_refused(test, ctx->info);

	ctx->info->fix.smem_start = 0;
	fb_defio_contract_expect_refused(test, ctx->info);
}

/*
 * The vmalloc area has pages without a reference count, too. The DMA layer puts
 * them there when it makes memory of the page allocator uncached.
 */
static void test_contract_uncounted_pages(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	struct page *pages[1 << FB_DEFIO_CONTRACT_ORDER];
	void *buffer;
	int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = ctx->pages + i;
	buffer = vmap(pages, ARRAY_SIZE(pages), VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_vunmap, buffer), 0);
	ctx->info->flags &= ~FBINFO_KMEMFB;
	ctx->info->screen_buffer = buffer;
	fb_defio_contract_expect_refused(test, ctx->info);
}

/* Contract: page-backed memory is page aligned, too. */
static void test_contract_page_backed_unaligned(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	void *buffer = vzalloc(ctx->info->fix.smem_len);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_vfree, buffer), 0);
	ctx->info->flags &= ~FBINFO_KMEMFB;
	ctx->info->screen_buffer = buffer + 8;
	ctx->info->fix.smem_len -= 8;
	fb_defio_contract_expect_refused(test, ctx->info);
}

/* Page-backed memory, from vmalloc() or get_page, does not need smem_start, either. */
static void test_contract_counted_pages(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	void *buffer = vzalloc(ctx->info->fix.smem_len);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_vfree, buffer), 0);
	ctx->info->flags &= ~FBINFO_KMEMFB;
	ctx->info->fix.smem_start = 0;

	ctx->fbdefio.get_page = fb_defio_contract_get_page;
	KUNIT_EXPECT_EQ(test, fb_deferred_io_init(ctx->info), 0);
	fb_deferred_io_cleanup(ctx->info);

	ctx->fbdefio.get_page = NULL;
	ctx->info->screen_buffer = buffer;
	KUNIT_EXPECT_EQ(test, fb_deferred_io_init(ctx->info), 0);
	fb_deferred_io_cleanup(ctx->info);
}

/* Contract: there is a struct fb_deferred_io. */
static void test_contract_no_fbdefio(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->info->fbdefio = NULL;
	fb_defio_contract_expect_refused(test, ctx->info);
}

/* A refused framebuffer leaves nothing behind that would keep a corrected one out. */
static void test_contract_corrected(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);

	ctx->info->screen_buffer += 8;
	fb_defio_contract_expect_refused(test, ctx->info);

	ctx->info->screen_buffer -= 8;
	fb_defio_contract_expect_mapped(test, ctx->info);
}

/*
 * Contract: FBINFO_KMEMFB does not change, as mappings that were made before would
 * be of the wrong type. A refused change leaves the framebuffer as it was.
 */
static void test_contract_flag_changes(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	struct fb_info *info = ctx->info;
	void *contiguous = info->screen_buffer, *page_backed = vzalloc(info->fix.smem_len);

	KUNIT_ASSERT_NOT_NULL(test, page_backed);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, fb_defio_contract_vfree, page_backed), 0);

	fb_defio_contract_expect_mapped(test, info);
	info->flags &= ~FBINFO_KMEMFB;
	info->screen_buffer = page_backed;
	KUNIT_EXPECT_EQ(test, fb_deferred_io_init(info), -EINVAL);
	fb_deferred_io_cleanup(info); /* does nothing */
	info->flags |= FBINFO_KMEMFB;
	info->screen_buffer = contiguous;
	fb_defio_contract_expect_mapped(test, info);
}

static void test_contract_flag_changes_back(struct kunit *test)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	struct fb_info *info = ctx->info;
	void *contiguous = info->screen_buffer, *page_backed = vzalloc(info->fix.smem_len);

	KUNIT_ASSERT_NOT_NULL(test, page_backed);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, fb_defio_contract_vfree, page_backed), 0);

	info->flags &= ~FBINFO_KMEMFB;
	info->screen_buffer = page_backed;
	fb_defio_contract_expect_mapped(test, info);
	info->flags |= FBINFO_KMEMFB;
	info->screen_buffer = contiguous;
	KUNIT_EXPECT_EQ(test, fb_deferred_io_init(info), -EINVAL);
	info->flags &= ~FBINFO_KMEMFB;
	info->screen_buffer = page_backed;
	fb_defio_contract_expect_mapped(test, info);
}

KUNIT_DEFINE_ACTION_WRAPPER(fb_defio_contract_iput, iput, struct inode *);

/*
 * framebuffer_release() frees what the first init has allocated: once, and not
 * earlier, whatever has become of deferred I/O since. The address space is a part
 * of it, and its reference count shows this.
 */
static void fb_defio_contract_release_frees(struct kunit *test, bool refused_later)
{
	struct fb_defio_contract *ctx = fb_defio_contract_setup(test);
	/* Keeps the file system that the address space is on. */
	struct fb_defio_contract *other = fb_defio_contract_setup(test);
	struct fb_info *info = ctx->info;
	struct inode *inode;
	struct file *file;

	KUNIT_ASSERT_EQ(test, fb_deferred_io_init(other->info), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_cleanup,
							other->info), 0);

	KUNIT_ASSERT_EQ(test, fb_deferred_io_init(info), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_cleanup, info), 0);
	KUNIT_ASSERT_EQ(test, register_framebuffer(info), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_unregister, info),
			0);
	file = fb_defio_test_open(test, info->node, O_RDWR);
	inode = igrab(file->f_mapping->host);
	KUNIT_ASSERT_NOT_NULL(test, inode);
	KUNIT_ASSERT_PTR_NE(test, inode, file_inode(file));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, fb_defio_contract_iput, inode), 0);

	kunit_release_action(test, fb_defio_contract_cleanup, info);
	fb_defio_test_close(test, file);
	if (refused_later) {
		info->fix.smem_len = 0;
		KUNIT_EXPECT_EQ(test, fb_deferred_io_init(info), -EINVAL);
	}
	kunit_release_action(test, fb_defio_contract_unregister, info);
	KUNIT_EXPECT_EQ(test, atomic_read(&inode->i_count), 2);
	kunit_release_action(test, fb_defio_contract_release, info);
	KUNIT_EXPECT_EQ(test, atomic_read(&inode->i_count), 1);
	kunit_release_action(test, fb_defio_contract_iput, inode);
}

static void test_contract_release_frees(struct kunit *test)
{
	fb_defio_contract_release_frees(test, false);
}

/* A driver whose last init has failed has nothing to clean up. */
static void test_contract_release_frees_after_refusal(struct kunit *test)
{
	fb_defio_contract_release_frees(test, true);
}

static struct kunit_case fb_defio_contract_cases[] = {
	KUNIT_CASE(test_contract_kept),
	KUNIT_CASE(test_contract_unaligned),
	KUNIT_CASE(test_contract_wrong_smem_start),
	KUNIT_CASE(test_contract_no_smem_start),
	KUNIT_CASE(test_contract_hidden_smem_start),
	KUNIT_CASE(test_contract_vmalloc),
	KUNIT_CASE(test_contract_not_linear_to_the_end),
	KUNIT_CASE(test_contract_zero_length),
	KUNIT_CASE(test_contract_get_page),
	KUNIT_CASE(test_contract_no_flag),
	KUNIT_CASE(test_contract_uncounted_pages),
	KUNIT_CASE(test_contract_page_backed_unaligned),
	KUNIT_CASE(test_contract_counted_pages),
	KUNIT_CASE(test_contract_no_fbdefio),
	KUNIT_CASE(test_contract_corrected),
	KUNIT_CASE(test_contract_flag_changes),
	KUNIT_CASE(test_contract_flag_changes_back),
	KUNIT_CASE(test_contract_release_frees),
	KUNIT_CASE(test_contract_release_frees_after_refusal),
	{}
};

static struct kunit_suite fb_defio_contract_suite = {
	.name = "fb_defio_contract",
	.suite_init = fb_defio_test_suite_init,
	.suite_exit = fb_defio_test_suite_exit,
	.test_cases = fb_defio_contract_cases,
};

kunit_test_suites(&fb_defio_suite, &fb_defio_busy_suite, &fb_defio_contract_suite);

#else

kunit_test_suites(&fb_defio_suite, &fb_defio_busy_suite);

#endif /* FBINFO_KMEMFB */

MODULE_DESCRIPTION("KUnit tests for fbdev deferred I/O");
MODULE_LICENSE("GPL");
