// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for the mm functions with which a driver tracks writes through a
 * shared PFN mapping: vmf_insert_pfn_mkwrite() and
 * clean_record_shared_mapping_pages().
 *
 * The tests map some pages through files of their own, whose fault
 * handlers do nothing but insert PTEs, and watch the PTEs change.
 *
 * vmf_insert_pfn_mkwrite() warns when it is misused (a VMA of the wrong kind,
 * another pfn where a PTE is already). That is not tested: whoever reads the log
 * takes a warning for a failure of the kernel under test.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched.h>

#include "fault_kunit.h"

#define PFNMAP_TEST_MAGIC	0x70666e6d	/* "pfnm" */

/* Enough for several VMAs with gaps, in one allocation. */
#define PFNMAP_TEST_ORDER	4

#define PROT_RDWR		(PROT_READ | PROT_WRITE)

struct pfnmap_test {
	struct inode *inode;
	struct page *pages;
	unsigned int order;
	unsigned long npages;
	unsigned long pfn;
	struct file *file;	/* open for reading and writing */
	unsigned long *wanted;	/* bitmaps of the pages: those to look at, */
	unsigned long *dirty;	/* and those that were recorded */

	/* calls of the handlers */
	atomic_t faults;
	atomic_t mkwrites;
};

/*
 * Files
 *
 * A file system of our own gives each test an inode, hence an address space,
 * that nobody else uses. anon_inode_getfile() would not.
 */

static struct vfsmount *pfnmap_test_mnt;

static int pfnmap_test_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, PFNMAP_TEST_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type pfnmap_test_fs_type = {
	.name		 = "pfnmap_kunit",
	.owner		 = THIS_MODULE,
	.init_fs_context = pfnmap_test_init_fs_context,
	.kill_sb	 = kill_anon_super,
};

static vm_fault_t pfnmap_test_insert(struct pfnmap_test *ctx, struct vm_fault *vmf)
{
	unsigned long pfn = ctx->pfn + vmf->pgoff;

	if (vmf->pgoff >= ctx->npages)
		return VM_FAULT_SIGBUS;

	if (vmf->flags & FAULT_FLAG_WRITE)
		return vmf_insert_pfn_mkwrite(vmf->vma, vmf->address, pfn);

	return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
}

static vm_fault_t pfnmap_test_fault(struct vm_fault *vmf)
{
	struct pfnmap_test *ctx = vmf->vma->vm_private_data;

	atomic_inc(&ctx->faults);

	return pfnmap_test_insert(ctx, vmf);
}

static vm_fault_t pfnmap_test_pfn_mkwrite(struct vm_fault *vmf)
{
	struct pfnmap_test *ctx = vmf->vma->vm_private_data;

	atomic_inc(&ctx->mkwrites);

	return pfnmap_test_insert(ctx, vmf);
}

static const struct vm_operations_struct pfnmap_test_vm_ops = {
	.fault		= pfnmap_test_fault,
	.pfn_mkwrite	= pfnmap_test_pfn_mkwrite,
};

static int pfnmap_test_mmap(struct file *file, struct vm_area_struct *vma)
{
	/* PFN maps have no copy-on-write. */
	if (!(vma->vm_flags & VM_SHARED))
		vm_flags_clear(vma, VM_MAYWRITE);
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &pfnmap_test_vm_ops;
	vma->vm_private_data = file_inode(file)->i_private;

	return 0;
}

static const struct file_operations pfnmap_test_fops = {
	.owner	= THIS_MODULE,
	.mmap	= pfnmap_test_mmap,
};

/*
 * Fixture
 */

KUNIT_DEFINE_ACTION_WRAPPER(pfnmap_test_iput, iput, struct inode *);
/* Drops the last reference at once, and not later from a work queue. */
KUNIT_DEFINE_ACTION_WRAPPER(pfnmap_test_fput, __fput_sync, struct file *);

/* After a failed assertion the test's mm, and with it its PTEs, can still be there. */
static void pfnmap_test_free_pages(void *data)
{
	struct pfnmap_test *ctx = data;

	unmap_mapping_range(ctx->inode->i_mapping, 0, 0, 1);
	__free_pages(ctx->pages, ctx->order);
}

static struct inode *pfnmap_test_new_inode(struct kunit *test, struct pfnmap_test *ctx)
{
	struct inode *inode = alloc_anon_inode(pfnmap_test_mnt->mnt_sb);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, inode);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pfnmap_test_iput, inode), 0);
	inode->i_private = ctx;

	return inode;
}

static struct file *pfnmap_test_open(struct kunit *test, struct inode *inode, int flags)
{
	struct file *file;

	__module_get(pfnmap_test_fops.owner); /* put with the file */
	ihold(inode);
	file = alloc_file_pseudo(inode, pfnmap_test_mnt, "pfnmap", flags, &pfnmap_test_fops);
	if (IS_ERR(file)) {
		iput(inode);
		module_put(pfnmap_test_fops.owner);
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pfnmap_test_fput, file), 0);

	return file;
}

static struct pfnmap_test *pfnmap_test_setup(struct kunit *test, unsigned int order)
{
	struct pfnmap_test *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	ctx->inode = pfnmap_test_new_inode(test, ctx);

	ctx->order = order;
	ctx->npages = 1UL << order;
	ctx->pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
	KUNIT_ASSERT_NOT_NULL(test, ctx->pages);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pfnmap_test_free_pages, ctx), 0);
	ctx->pfn = page_to_pfn(ctx->pages);
	ctx->wanted = kunit_kcalloc(test, BITS_TO_LONGS(ctx->npages), sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx->wanted);
	ctx->dirty = kunit_kcalloc(test, BITS_TO_LONGS(ctx->npages), sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx->dirty);

	ctx->file = pfnmap_test_open(test, ctx->inode, O_RDWR);

	return ctx;
}

static unsigned long pfnmap_test_map(struct kunit *test, struct file *file,
				     unsigned long pgoff, unsigned long npages,
				     unsigned long prot)
{
	unsigned long addr = fault_kunit_mmap(test, file, pgoff, npages, prot, MAP_SHARED);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	return addr;
}

/* Calls vmf_insert_pfn_mkwrite() as a fault handler would, for an address of any VMA. */
static vm_fault_t pfnmap_test_call(unsigned long vma_addr, unsigned long addr,
				   unsigned long pfn)
{
	struct vm_area_struct *vma;
	vm_fault_t ret = VM_FAULT_ERROR;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, vma_addr);
	if (vma)
		ret = vmf_insert_pfn_mkwrite(vma, addr, pfn);
	mmap_read_unlock(current->mm);

	return ret;
}

static void pfnmap_test_expect_pte(struct kunit *test, struct pfnmap_test *ctx,
				   unsigned long addr, unsigned long pgoff, bool writable)
{
	struct fault_kunit_pte pte = {};

	KUNIT_ASSERT_EQ(test, fault_kunit_follow(addr, &pte), 0);
	KUNIT_EXPECT_EQ(test, pte.pfn, ctx->pfn + pgoff);
	KUNIT_EXPECT_EQ(test, pte.writable, writable);
	if (pte.dirty_known)
		KUNIT_EXPECT_EQ(test, pte.dirty, writable);
	KUNIT_EXPECT_EQ(test, fault_kunit_writable(addr), writable);
}

/* Writes to each page of a mapping that starts at page @pgoff of the file. */
static void pfnmap_test_write_all(struct kunit *test, unsigned long addr, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++)
		KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + i * PAGE_SIZE, i), 1);
}

static int pfnmap_test_suite_init(struct kunit_suite *suite)
{
	pfnmap_test_mnt = kern_mount(&pfnmap_test_fs_type);

	return PTR_ERR_OR_ZERO(pfnmap_test_mnt);
}

static void pfnmap_test_suite_exit(struct kunit_suite *suite)
{
	if (!IS_ERR(pfnmap_test_mnt))
		kern_unmount(pfnmap_test_mnt);
}

/*
 * vmf_insert_pfn_mkwrite()
 */

/*
 * A first write costs one fault, in which a writable and dirty PTE is inserted.
 * The fault is taken without an access first, as the CPU would set the dirty
 * bit as well.
 */
static void test_mkwrite_inserts(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 1, 2, PROT_RDWR);

	mmap_read_lock(current->mm);
	KUNIT_EXPECT_EQ(test, fixup_user_fault(current->mm, addr, FAULT_FLAG_WRITE, NULL), 0);
	mmap_read_unlock(current->mm);
	pfnmap_test_expect_pte(test, ctx, addr, 1, true);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 0x5a), 0);
	KUNIT_EXPECT_EQ(test, *(u8 *)page_address(ctx->pages + 1), 0x5a);

	/* The same by an access, next to it. */
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + PAGE_SIZE, 0xa5), 1);
	pfnmap_test_expect_pte(test, ctx, addr + PAGE_SIZE, 2, true);
	KUNIT_EXPECT_EQ(test, *(u8 *)page_address(ctx->pages + 2), 0xa5);

	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->faults), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->mkwrites), 0);
	vm_munmap(addr, 2 * PAGE_SIZE);
}

/*
 * A write to a read-only PTE makes that PTE writable in ->pfn_mkwrite(), in one
 * fault, and the caller does nothing more for it.
 */
static void test_mkwrite_upgrades(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	u8 value;

	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr, &value), 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + PAGE_SIZE, &value), 1);
	pfnmap_test_expect_pte(test, ctx, addr, 0, false);
	pfnmap_test_expect_pte(test, ctx, addr + PAGE_SIZE, 1, false);

	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), 1);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 2), 0);
	pfnmap_test_expect_pte(test, ctx, addr, 0, true);
	pfnmap_test_expect_pte(test, ctx, addr + PAGE_SIZE, 1, false);

	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->faults), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->mkwrites), 1);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/*
 * Two threads can fault on a page at once. Whoever comes second finds the PTE
 * as it should be and succeeds.
 */
static void test_mkwrite_is_idempotent(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	int i;

	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, pfnmap_test_call(addr, addr, ctx->pfn) == VM_FAULT_NOPAGE);
		pfnmap_test_expect_pte(test, ctx, addr, 0, true);
	}
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 1), 0);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/* Kernel-doc: an address outside of the VMA is refused, at both of its ends. */
static void test_mkwrite_outside_vma(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, 3, PROT_RDWR);
	struct fault_kunit_pte pte;
	vm_fault_t below, above;

	/* The VMA that remains is the page in the middle. */
	KUNIT_ASSERT_EQ(test, vm_munmap(addr, PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, vm_munmap(addr + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	addr += PAGE_SIZE;

	below = pfnmap_test_call(addr, addr - PAGE_SIZE, ctx->pfn);
	above = pfnmap_test_call(addr, addr + PAGE_SIZE, ctx->pfn);
	KUNIT_EXPECT_TRUE(test, below == VM_FAULT_SIGBUS);
	KUNIT_EXPECT_TRUE(test, above == VM_FAULT_SIGBUS);
	KUNIT_EXPECT_NE(test, fault_kunit_follow(addr, &pte), 0);
	KUNIT_EXPECT_TRUE(test, pfnmap_test_call(addr, addr, ctx->pfn + 1) == VM_FAULT_NOPAGE);
	pfnmap_test_expect_pte(test, ctx, addr, 1, true);
	vm_munmap(addr, PAGE_SIZE);
}

/*
 * No page is reference counted, whether its PTE is inserted, upgraded or zapped.
 * Tail pages have a count of zero.
 */
static void test_mkwrite_takes_no_reference(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	unsigned long i;
	u8 value;

	for (i = 0; i < ctx->npages; i += 2)
		KUNIT_ASSERT_EQ(test, fault_kunit_read(addr + i * PAGE_SIZE, &value), 1);
	pfnmap_test_write_all(test, addr, ctx->npages);
	for (i = 0; i < ctx->npages; i++)
		KUNIT_EXPECT_EQ(test, page_ref_count(ctx->pages + i), !i);

	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
	for (i = 0; i < ctx->npages; i++)
		KUNIT_EXPECT_EQ(test, page_ref_count(ctx->pages + i), !i);
}

static struct kunit_case vmf_insert_pfn_mkwrite_cases[] = {
	KUNIT_CASE(test_mkwrite_inserts),
	KUNIT_CASE(test_mkwrite_upgrades),
	KUNIT_CASE(test_mkwrite_is_idempotent),
	KUNIT_CASE(test_mkwrite_outside_vma),
	KUNIT_CASE(test_mkwrite_takes_no_reference),
	{}
};

static struct kunit_suite vmf_insert_pfn_mkwrite_suite = {
	.name = "vmf_insert_pfn_mkwrite",
	.suite_init = pfnmap_test_suite_init,
	.suite_exit = pfnmap_test_suite_exit,
	.test_cases = vmf_insert_pfn_mkwrite_cases,
};

#ifdef CONFIG_MAPPING_DIRTY_HELPERS

/*
 * clean_record_shared_mapping_pages()
 */

static unsigned long pfnmap_test_clean_wanted(struct pfnmap_test *ctx, bool wrprotect)
{
	bitmap_zero(ctx->dirty, ctx->npages);

	return clean_record_shared_mapping_pages(ctx->inode->i_mapping, ctx->wanted, ctx->npages,
						 ctx->dirty, wrprotect);
}

/* The same for the pages @first to @end - 1. */
static unsigned long pfnmap_test_clean(struct pfnmap_test *ctx, unsigned long first,
				       unsigned long end, bool wrprotect)
{
	bitmap_zero(ctx->wanted, ctx->npages);
	bitmap_set(ctx->wanted, first, end - first);

	return pfnmap_test_clean_wanted(ctx, wrprotect);
}

/* Expects the last call to have recorded the pages @first to @end - 1, and no other. */
static void pfnmap_test_expect_recorded(struct kunit *test, struct pfnmap_test *ctx,
					unsigned long first, unsigned long end)
{
	KUNIT_EXPECT_EQ(test, bitmap_weight(ctx->dirty, ctx->npages), end - first);
	KUNIT_EXPECT_EQ(test, find_next_zero_bit(ctx->dirty, end, first), end);
}

/*
 * Expects this of the PTEs of pages @first to @end - 1 of a mapping that starts at
 * page @pgoff of the file. Does not touch them, as a write makes a PTE dirty.
 */
static void pfnmap_test_expect_state(struct kunit *test, struct pfnmap_test *ctx,
				     unsigned long addr, unsigned long pgoff,
				     unsigned long first, unsigned long end,
				     bool writable, bool dirty)
{
	unsigned long i;

	for (i = first; i < end; i++) {
		struct fault_kunit_pte pte = {};

		KUNIT_ASSERT_EQ(test, fault_kunit_follow(addr + i * PAGE_SIZE, &pte), 0);
		KUNIT_ASSERT_EQ(test, pte.pfn, ctx->pfn + pgoff + i);
		KUNIT_ASSERT_EQ(test, pte.writable, writable);
		if (pte.dirty_known)
			KUNIT_ASSERT_EQ(test, pte.dirty, dirty);
	}
}

#define expect_untouched(test, ctx, addr, pgoff, first, end) \
	pfnmap_test_expect_state(test, ctx, addr, pgoff, first, end, true, true)
#define expect_cleaned(test, ctx, addr, pgoff, first, end) \
	pfnmap_test_expect_state(test, ctx, addr, pgoff, first, end, true, false)
#define expect_protected(test, ctx, addr, pgoff, first, end) \
	pfnmap_test_expect_state(test, ctx, addr, pgoff, first, end, false, false)

/*
 * Dirty PTEs are recorded and made clean. They stay writable: the next write is
 * recorded, too, and the driver does not hear of it.
 */
static void test_records(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	int round;

	pfnmap_test_write_all(test, addr, ctx->npages);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, false), ctx->npages);
	pfnmap_test_expect_recorded(test, ctx, 0, ctx->npages);
	expect_cleaned(test, ctx, addr, 0, 0, ctx->npages);

	for (round = 0; round < 2; round++) {
		KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, false), 0);
		pfnmap_test_expect_recorded(test, ctx, 0, 0);

		KUNIT_EXPECT_GE(test, fault_kunit_write(addr + 3 * PAGE_SIZE, 0x5a), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&ctx->mkwrites), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&ctx->faults), ctx->npages);
		KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, false), 1);
		pfnmap_test_expect_recorded(test, ctx, 3, 4);
	}
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/*
 * A read-only PTE is clean, as mprotect() makes a dirty one writable without a
 * fault. What has been write-protected stays mapped, and the next write faults,
 * once.
 */
static void test_write_protects(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	u8 value;

	pfnmap_test_write_all(test, addr, ctx->npages);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, true), ctx->npages);
	pfnmap_test_expect_recorded(test, ctx, 0, ctx->npages);
	expect_protected(test, ctx, addr, 0, 0, ctx->npages);

	/* Nothing is writable or dirty any more. */
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, true), 0);
	pfnmap_test_expect_recorded(test, ctx, 0, 0);

	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + 3 * PAGE_SIZE, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 3);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + 3 * PAGE_SIZE, 0x5a), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->mkwrites), 1);
	expect_untouched(test, ctx, addr, 0, 3, 4);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, true), 1);
	pfnmap_test_expect_recorded(test, ctx, 3, 4);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/* A clean PTE is write-protected, not recorded. */
static void test_write_protects_clean(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);

	pfnmap_test_write_all(test, addr, ctx->npages);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, false), ctx->npages);
	KUNIT_EXPECT_GE(test, fault_kunit_write(addr + 5 * PAGE_SIZE, 0x5a), 0);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, true), ctx->npages);
	pfnmap_test_expect_recorded(test, ctx, 5, 6);
	expect_protected(test, ctx, addr, 0, 0, ctx->npages);

	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr, 0xa5), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->mkwrites), 1);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/* What is recorded is added to what the bitmap has. */
static void test_records_more(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);

	pfnmap_test_write_all(test, addr, 2);
	bitmap_fill(ctx->wanted, ctx->npages);
	__set_bit(2, ctx->dirty);
	__set_bit(1, ctx->dirty);
	KUNIT_EXPECT_EQ(test, clean_record_shared_mapping_pages(ctx->inode->i_mapping, ctx->wanted,
								ctx->npages, ctx->dirty, false),
			2);
	pfnmap_test_expect_recorded(test, ctx, 0, 3);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/* Bits beyond the given number are ignored; without a bit, there is no work. */
static void test_number_of_bits(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);

	pfnmap_test_write_all(test, addr, ctx->npages);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, 0, true), 0);
	pfnmap_test_expect_recorded(test, ctx, 0, 0);
	expect_untouched(test, ctx, addr, 0, 0, ctx->npages);

	bitmap_fill(ctx->wanted, ctx->npages);
	KUNIT_EXPECT_EQ(test, clean_record_shared_mapping_pages(ctx->inode->i_mapping, ctx->wanted,
								5, ctx->dirty, true), 5);
	pfnmap_test_expect_recorded(test, ctx, 0, 5);
	expect_protected(test, ctx, addr, 0, 0, 5);
	expect_untouched(test, ctx, addr, 0, 5, ctx->npages);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/*
 * One call serves all VMAs, at whichever offsets they begin and end, and leaves
 * the pages alone that are not asked for.
 */
static void pfnmap_test_several_vmas(struct kunit *test, bool wrprotect)
{
	/* Page offset and length of each VMA, and the part of it that is asked for. */
	static const struct {
		unsigned long pgoff, npages, first, end;
	} vmas[] = {
		{ 0, 16, 5, 9 },	/* all of it, in its middle */
		{ 0, 6, 5, 6 },		/* its beginning */
		{ 6, 2, 0, 2 },		/* nothing else */
		{ 8, 4, 0, 1 },		/* its end */
		{ 0, 5, 5, 5 },		/* ends where it begins */
		{ 9, 7, 0, 0 },		/* begins where it ends */
	};
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr[ARRAY_SIZE(vmas)];
	unsigned int wanted = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vmas); i++) {
		addr[i] = pfnmap_test_map(test, ctx->file, vmas[i].pgoff, vmas[i].npages,
					  PROT_RDWR);
		pfnmap_test_write_all(test, addr[i], vmas[i].npages);
		wanted += vmas[i].end - vmas[i].first;
	}

	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 5, 9, wrprotect), wanted);
	pfnmap_test_expect_recorded(test, ctx, 5, 9);

	for (i = 0; i < ARRAY_SIZE(vmas); i++) {
		expect_untouched(test, ctx, addr[i], vmas[i].pgoff, 0, vmas[i].first);
		pfnmap_test_expect_state(test, ctx, addr[i], vmas[i].pgoff, vmas[i].first,
					 vmas[i].end, !wrprotect, false);
		expect_untouched(test, ctx, addr[i], vmas[i].pgoff, vmas[i].end, vmas[i].npages);
	}

	/* A page that one of them has written is recorded, whichever it is. */
	KUNIT_EXPECT_GE(test, fault_kunit_write(addr[3], 1), 0);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 5, 9, wrprotect), 1);
	pfnmap_test_expect_recorded(test, ctx, 8, 9);

	for (i = 0; i < ARRAY_SIZE(vmas); i++)
		vm_munmap(addr[i], vmas[i].npages << PAGE_SHIFT);
}

static void test_several_vmas_record(struct kunit *test)
{
	pfnmap_test_several_vmas(test, false);
}

static void test_several_vmas_write_protect(struct kunit *test)
{
	pfnmap_test_several_vmas(test, true);
}

/*
 * VMAs that are private, or shared but open for reading only, do not end the walk
 * over the others.
 */
static void pfnmap_test_skip_rejected(struct kunit *test, bool wrprotect)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	struct file *ro_file = pfnmap_test_open(test, ctx->inode, O_RDONLY);
	unsigned long before, ro_open, private, ro_prot, after, len = 4 << PAGE_SHIFT;
	u8 value;

	/* The walk goes by page offset. */
	before = pfnmap_test_map(test, ctx->file, 0, 4, PROT_RDWR);
	ro_open = pfnmap_test_map(test, ro_file, 1, 4, PROT_READ);
	private = fault_kunit_mmap(test, ctx->file, 1, 4, PROT_READ, MAP_PRIVATE);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(private));
	ro_prot = pfnmap_test_map(test, ctx->file, 2, 4, PROT_READ);
	after = pfnmap_test_map(test, ctx->file, 3, 4, PROT_RDWR);

	KUNIT_ASSERT_EQ(test, fault_kunit_read(ro_open + 2 * PAGE_SIZE, &value), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_read(private + 2 * PAGE_SIZE, &value), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_read(ro_prot + PAGE_SIZE, &value), 1);
	pfnmap_test_write_all(test, before, 4);
	pfnmap_test_write_all(test, after, 4);

	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 3, 4, wrprotect), 2);
	pfnmap_test_expect_recorded(test, ctx, 3, 4);
	expect_untouched(test, ctx, before, 0, 0, 3);
	pfnmap_test_expect_state(test, ctx, before, 0, 3, 4, !wrprotect, false);
	pfnmap_test_expect_state(test, ctx, after, 3, 0, 1, !wrprotect, false);
	expect_untouched(test, ctx, after, 3, 1, 4);
	expect_protected(test, ctx, ro_open, 1, 2, 3);
	expect_protected(test, ctx, private, 1, 2, 3);
	expect_protected(test, ctx, ro_prot, 2, 1, 2);

	/* What only the last one has written is found, too. */
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 4, 5, wrprotect), 1);
	pfnmap_test_expect_recorded(test, ctx, 4, 5);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(ro_open + 2 * PAGE_SIZE, 1), -EFAULT);

	vm_munmap(before, len);
	vm_munmap(ro_open, len);
	vm_munmap(private, len);
	vm_munmap(ro_prot, len);
	vm_munmap(after, len);
}

static void test_skip_rejected(struct kunit *test)
{
	pfnmap_test_skip_rejected(test, true);
	pfnmap_test_skip_rejected(test, false);
}

/* Pages that are not mapped, or only read, in between stay as they are. */
static void test_holes(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	unsigned long i, written = DIV_ROUND_UP(ctx->npages, 3);
	u8 value;

	/* Written, read, not touched, and again. */
	for (i = 0; i < ctx->npages; i++) {
		if (i % 3 == 0)
			KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + i * PAGE_SIZE, i), 1);
		else if (i % 3 == 1)
			KUNIT_ASSERT_EQ(test, fault_kunit_read(addr + i * PAGE_SIZE, &value), 1);
	}

	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, false), written);
	KUNIT_EXPECT_EQ(test, bitmap_weight(ctx->dirty, ctx->npages), written);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, true), written);
	pfnmap_test_expect_recorded(test, ctx, 0, 0);
	for (i = 0; i < ctx->npages; i++) {
		if (i % 3 == 2)
			KUNIT_EXPECT_FALSE(test, fault_kunit_present(addr + i * PAGE_SIZE));
		else
			expect_protected(test, ctx, addr, 0, i, i + 1);
	}

	/* Pages that nobody has mapped. */
	KUNIT_ASSERT_EQ(test, vm_munmap(addr, 8 << PAGE_SHIFT), 0);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, 8, true), 0);
	vm_munmap(addr + (8 << PAGE_SHIFT), (ctx->npages - 8) << PAGE_SHIFT);
}

/* Every process loses write access, and each faults for itself. */
static void test_second_mm(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	struct fault_kunit_process *other = fault_kunit_process_start(test);
	unsigned long other_addr;

	other_addr = fault_kunit_process_mmap(other, ctx->file, 2, 4, PROT_RDWR);
	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + 2 * PAGE_SIZE, 1), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_process_write(other, other_addr, 2), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_process_write(other, other_addr + PAGE_SIZE, 3), 1);

	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, 3, false), 2);
	pfnmap_test_expect_recorded(test, ctx, 2, 3);
	expect_cleaned(test, ctx, addr, 0, 2, 3);

	/* What the other one writes is recorded, and its PTE is no longer writable. */
	KUNIT_EXPECT_GE(test, fault_kunit_process_write(other, other_addr, 4), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->mkwrites), 0);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, 3, true), 2);
	pfnmap_test_expect_recorded(test, ctx, 2, 3);
	expect_protected(test, ctx, addr, 0, 2, 3);
	KUNIT_EXPECT_FALSE(test, fault_kunit_process_writable(other, other_addr));
	KUNIT_EXPECT_TRUE(test, fault_kunit_process_writable(other, other_addr + PAGE_SIZE));

	KUNIT_EXPECT_EQ(test, fault_kunit_process_write(other, other_addr, 5), 1);
	KUNIT_EXPECT_TRUE(test, fault_kunit_process_writable(other, other_addr));
	expect_protected(test, ctx, addr, 0, 2, 3);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, 3, false), 1);
	pfnmap_test_expect_recorded(test, ctx, 2, 3);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/*
 * At the size of a screen, with one page in the first page table and the others in
 * the next ones.
 */
static unsigned long pfnmap_test_map_page_tables(struct kunit *test, struct pfnmap_test *ctx)
{
	unsigned long addr = ALIGN_DOWN(TASK_SIZE / 2, PMD_SIZE) - PAGE_SIZE;

	KUNIT_ASSERT_EQ(test, kunit_vm_mmap(test, ctx->file, addr, ctx->npages << PAGE_SHIFT,
					    PROT_RDWR, MAP_SHARED | MAP_FIXED_NOREPLACE, 0), addr);

	return addr;
}

/* Only the pages that are asked for, be they dense or sparse in their page table. */
static void test_only_asked(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, MAX_PAGE_ORDER);
	unsigned long addr = pfnmap_test_map_page_tables(test, ctx);
	unsigned long i, wanted, last = ctx->npages - 1;

	pfnmap_test_write_all(test, addr, ctx->npages);
	for (i = 0; i < ctx->npages; i += i < ctx->npages / 2 ? 7 : 97)
		__set_bit(i, ctx->wanted);
	__set_bit(1, ctx->wanted); /* the first one of a page table */
	__set_bit(last, ctx->wanted);
	wanted = bitmap_weight(ctx->wanted, ctx->npages);

	KUNIT_EXPECT_EQ(test, pfnmap_test_clean_wanted(ctx, false), wanted);
	KUNIT_EXPECT_TRUE(test, bitmap_equal(ctx->dirty, ctx->wanted, ctx->npages));
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean_wanted(ctx, true), wanted);
	pfnmap_test_expect_recorded(test, ctx, 0, 0);
	for (i = 0; i < ctx->npages; i++) {
		bool asked = test_bit(i, ctx->wanted);

		pfnmap_test_expect_state(test, ctx, addr, 0, i, i + 1, !asked, !asked);
	}

	/* All the others. */
	bitmap_complement(ctx->wanted, ctx->wanted, ctx->npages);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean_wanted(ctx, true), ctx->npages - wanted);
	KUNIT_EXPECT_TRUE(test, bitmap_equal(ctx->dirty, ctx->wanted, ctx->npages));
	expect_protected(test, ctx, addr, 0, 0, ctx->npages);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/* Only the two ends were written. The page tables in the middle do not exist. */
static void test_no_page_table(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, MAX_PAGE_ORDER);
	unsigned long addr = pfnmap_test_map_page_tables(test, ctx);
	unsigned long last = ctx->npages - 1, end = addr + last * PAGE_SIZE;

	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr, 1), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_write(end, 1), 1);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, last, true), 1);
	pfnmap_test_expect_recorded(test, ctx, 0, 1);
	expect_protected(test, ctx, addr, 0, 0, 1);
	expect_untouched(test, ctx, addr, 0, last, ctx->npages);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, true), 1);
	pfnmap_test_expect_recorded(test, ctx, last, ctx->npages);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/* Other address spaces keep their PTEs, even those of the same pages. */
static void test_other_mapping(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	struct inode *other_inode = pfnmap_test_new_inode(test, ctx);
	struct file *other_file = pfnmap_test_open(test, other_inode, O_RDWR);
	unsigned long addr, other_addr, len = ctx->npages << PAGE_SHIFT;

	addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	other_addr = pfnmap_test_map(test, other_file, 0, ctx->npages, PROT_RDWR);
	pfnmap_test_write_all(test, addr, ctx->npages);
	pfnmap_test_write_all(test, other_addr, ctx->npages);

	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, true), ctx->npages);
	expect_protected(test, ctx, addr, 0, 0, ctx->npages);
	expect_untouched(test, ctx, other_addr, 0, 0, ctx->npages);
	vm_munmap(addr, len);
	vm_munmap(other_addr, len);
}

struct pfnmap_test_writer {
	struct mm_struct *mm;
	bool written;
	bool again;
};

/* Writes, waits, and writes again, without losing its CPU's TLB entry in between. */
static long pfnmap_test_write_twice(unsigned long addr, unsigned long data)
{
	struct pfnmap_test_writer *writer = (void *)data;
	long ret;

	kthread_use_mm(writer->mm);
	ret = fault_kunit_write(addr, 1);
	/* After the write. Pairs with smp_load_acquire() in pfnmap_test_stale_tlb(). */
	smp_store_release(&writer->written, true);
	/* Pairs with smp_store_release() in pfnmap_test_stale_tlb(). */
	while (!smp_load_acquire(&writer->again))
		cond_resched();
	if (ret >= 0)
		ret = fault_kunit_write(addr, 2);
	kthread_unuse_mm(writer->mm);

	return ret;
}

/*
 * The TLB entry of another CPU says that the page is writable and dirty already.
 * What is written there after the call has to be recorded the next time, or to
 * fault if write-protection was asked for.
 */
static void pfnmap_test_stale_tlb(struct kunit *test, bool wrprotect)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	struct fault_kunit_process *other = fault_kunit_process_start(test);
	struct pfnmap_test_writer writer = { .mm = current->mm };

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	/* Not on one CPU, where a flush of the TLB is another matter. */
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current,
						   cpumask_of(cpumask_first(cpu_online_mask))), 0);
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(other->task,
						   cpumask_of(cpumask_last(cpu_online_mask))), 0);
	fault_kunit_process_begin(other, pfnmap_test_write_twice, addr + 2 * PAGE_SIZE,
				  (unsigned long)&writer);
	/* Pairs with smp_store_release() in pfnmap_test_write_twice(). */
	while (!smp_load_acquire(&writer.written))
		cond_resched();
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, wrprotect), 1);
	pfnmap_test_expect_recorded(test, ctx, 2, 3);

	/* After the PTE has changed. Pairs with smp_load_acquire() there. */
	smp_store_release(&writer.again, true);
	KUNIT_EXPECT_GE(test, fault_kunit_process_end(other), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->mkwrites), wrprotect);
	KUNIT_EXPECT_EQ(test, pfnmap_test_clean(ctx, 0, ctx->npages, wrprotect), 1);
	pfnmap_test_expect_recorded(test, ctx, 2, 3);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

static void test_stale_tlb_record(struct kunit *test)
{
	pfnmap_test_stale_tlb(test, false);
}

static void test_stale_tlb_write_protect(struct kunit *test)
{
	pfnmap_test_stale_tlb(test, true);
}

static struct kunit_case clean_record_shared_mapping_pages_cases[] = {
	KUNIT_CASE(test_records),
	KUNIT_CASE(test_write_protects),
	KUNIT_CASE(test_write_protects_clean),
	KUNIT_CASE(test_records_more),
	KUNIT_CASE(test_number_of_bits),
	KUNIT_CASE(test_several_vmas_record),
	KUNIT_CASE(test_several_vmas_write_protect),
	KUNIT_CASE(test_skip_rejected),
	KUNIT_CASE(test_holes),
	KUNIT_CASE(test_second_mm),
	KUNIT_CASE(test_only_asked),
	KUNIT_CASE(test_no_page_table),
	KUNIT_CASE(test_other_mapping),
	KUNIT_CASE(test_stale_tlb_record),
	KUNIT_CASE(test_stale_tlb_write_protect),
	{}
};

static struct kunit_suite clean_record_shared_mapping_pages_suite = {
	.name = "clean_record_shared_mapping_pages",
	.suite_init = pfnmap_test_suite_init,
	.suite_exit = pfnmap_test_suite_exit,
	.test_cases = clean_record_shared_mapping_pages_cases,
};

kunit_test_suites(&vmf_insert_pfn_mkwrite_suite, &clean_record_shared_mapping_pages_suite);

#else

kunit_test_suite(vmf_insert_pfn_mkwrite_suite);

#endif /* CONFIG_MAPPING_DIRTY_HELPERS */

MODULE_DESCRIPTION("KUnit tests for writable PFN mappings");
MODULE_LICENSE("GPL");
