// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for the mm functions with which a driver tracks writes through a
 * shared PFN mapping: vmf_insert_pfn_mkwrite() and mapping_wrprotect_range().
 *
 * The tests map some pages through files of their own, whose fault
 * handlers do nothing but insert PTEs, and watch the PTEs change.
 *
 * vmf_insert_pfn_mkwrite() warns when it is misused (a VMA of the wrong kind,
 * another pfn where a PTE is already). That is not tested, as a warning is a
 * failure of the kernel under test for whoever reads its log.
 */

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/rmap.h>

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

/* Expects the pages @first to @end - 1 of a mapping to be writable, or not to be. */
static void pfnmap_test_expect_ptes(struct kunit *test, struct pfnmap_test *ctx,
				    unsigned long addr, unsigned long pgoff,
				    unsigned long first, unsigned long end, bool writable)
{
	unsigned long i;

	for (i = first; i < end; i++)
		pfnmap_test_expect_pte(test, ctx, addr + i * PAGE_SIZE, pgoff + i, writable);
}

static int pfnmap_test_wrprotect(struct pfnmap_test *ctx, unsigned long pgoff,
				 unsigned long npages)
{
	return mapping_wrprotect_range(ctx->inode->i_mapping, pgoff, ctx->pfn + pgoff, npages);
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
 * No page is reference counted, whether its PTE is inserted, upgraded,
 * write-protected or zapped. Tail pages have a count of zero.
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

	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, ctx->npages), ctx->npages);
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

/*
 * mapping_wrprotect_range()
 */

/*
 * A read-only PTE is clean, as mprotect() makes a dirty one writable without a
 * fault. What has been write-protected stays mapped, and the next write faults,
 * once.
 */
static void test_wrprotect_cleans(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	u8 value;

	pfnmap_test_write_all(test, addr, ctx->npages);
	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, ctx->npages), ctx->npages);
	pfnmap_test_expect_ptes(test, ctx, addr, 0, 0, ctx->npages, false);

	/* Nothing is writable or dirty any more. */
	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, ctx->npages), 0);

	KUNIT_EXPECT_EQ(test, fault_kunit_read(addr + 3 * PAGE_SIZE, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 3);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(addr + 3 * PAGE_SIZE, 0x5a), 1);
	pfnmap_test_expect_pte(test, ctx, addr + 3 * PAGE_SIZE, 3, true);
	KUNIT_EXPECT_EQ(test, atomic_read(&ctx->mkwrites), 1);
	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, ctx->npages), 1);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/*
 * One call serves a range, wherever it begins and ends in however many VMAs at
 * whichever offsets, and leaves everything else alone.
 */
static void test_wrprotect_several_vmas(struct kunit *test)
{
	/* Page offset and length of each VMA, and the part of it in the range. */
	static const struct {
		unsigned long pgoff, npages, first, end;
	} vmas[] = {
		{ 0, 16, 5, 9 },	/* all of the range, in its middle */
		{ 0, 6, 5, 6 },		/* its beginning */
		{ 6, 2, 0, 2 },		/* in the range altogether */
		{ 8, 4, 0, 1 },		/* its end */
		{ 0, 5, 5, 5 },		/* ends where the range begins */
		{ 9, 7, 0, 0 },		/* begins where the range ends */
	};
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr[ARRAY_SIZE(vmas)];
	unsigned int in_range = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vmas); i++) {
		addr[i] = pfnmap_test_map(test, ctx->file, vmas[i].pgoff, vmas[i].npages,
					  PROT_RDWR);
		pfnmap_test_write_all(test, addr[i], vmas[i].npages);
		in_range += vmas[i].end - vmas[i].first;
	}

	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 5, 4), in_range);

	for (i = 0; i < ARRAY_SIZE(vmas); i++) {
		pfnmap_test_expect_ptes(test, ctx, addr[i], vmas[i].pgoff, 0, vmas[i].first,
					true);
		pfnmap_test_expect_ptes(test, ctx, addr[i], vmas[i].pgoff, vmas[i].first,
					vmas[i].end, false);
		pfnmap_test_expect_ptes(test, ctx, addr[i], vmas[i].pgoff, vmas[i].end,
					vmas[i].npages, true);
	}

	for (i = 0; i < ARRAY_SIZE(vmas); i++)
		vm_munmap(addr[i], vmas[i].npages << PAGE_SHIFT);
}

/*
 * A VMA that is not writable does not end the walk. That of a file opened for
 * reading lacks VM_SHARED as well.
 */
static void test_wrprotect_read_only_vma(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	struct file *ro_file = pfnmap_test_open(test, ctx->inode, O_RDONLY);
	unsigned long before, ro_open, ro_prot, after, len = 4 << PAGE_SHIFT;
	u8 value;

	/* The walk goes by page offset. */
	before = pfnmap_test_map(test, ctx->file, 0, 4, PROT_RDWR);
	ro_open = pfnmap_test_map(test, ro_file, 1, 4, PROT_READ);
	ro_prot = pfnmap_test_map(test, ctx->file, 2, 4, PROT_READ);
	after = pfnmap_test_map(test, ctx->file, 3, 4, PROT_RDWR);

	KUNIT_ASSERT_EQ(test, fault_kunit_read(ro_open + 2 * PAGE_SIZE, &value), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_read(ro_prot + PAGE_SIZE, &value), 1);
	pfnmap_test_write_all(test, before, 4);
	pfnmap_test_write_all(test, after, 4);

	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 3, 1), 2);
	pfnmap_test_expect_ptes(test, ctx, before, 0, 0, 3, true);
	pfnmap_test_expect_pte(test, ctx, before + 3 * PAGE_SIZE, 3, false);
	pfnmap_test_expect_pte(test, ctx, after, 3, false);
	pfnmap_test_expect_ptes(test, ctx, after, 3, 1, 4, true);
	pfnmap_test_expect_pte(test, ctx, ro_open + 2 * PAGE_SIZE, 3, false);
	pfnmap_test_expect_pte(test, ctx, ro_prot + PAGE_SIZE, 3, false);
	KUNIT_EXPECT_EQ(test, fault_kunit_write(ro_open + 2 * PAGE_SIZE, 1), -EFAULT);

	vm_munmap(before, len);
	vm_munmap(ro_open, len);
	vm_munmap(ro_prot, len);
	vm_munmap(after, len);
}

/* Pages that are not mapped, or only read, in between stay as they are. */
static void test_wrprotect_holes(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	unsigned long i;
	u8 value;

	/* Written, read, not touched, and again. */
	for (i = 0; i < ctx->npages; i++) {
		if (i % 3 == 0)
			KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + i * PAGE_SIZE, i), 1);
		else if (i % 3 == 1)
			KUNIT_ASSERT_EQ(test, fault_kunit_read(addr + i * PAGE_SIZE, &value), 1);
	}

	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, ctx->npages),
			DIV_ROUND_UP(ctx->npages, 3));
	for (i = 0; i < ctx->npages; i++) {
		if (i % 3 == 2)
			KUNIT_EXPECT_FALSE(test, fault_kunit_present(addr + i * PAGE_SIZE));
		else
			pfnmap_test_expect_pte(test, ctx, addr + i * PAGE_SIZE, i, false);
	}

	/* A range that nobody has mapped. */
	KUNIT_ASSERT_EQ(test, vm_munmap(addr, 8 << PAGE_SHIFT), 0);
	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, 8), 0);
	vm_munmap(addr + (8 << PAGE_SHIFT), (ctx->npages - 8) << PAGE_SHIFT);
}

/* Every process loses write access, and each faults for itself. */
static void test_wrprotect_second_mm(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	struct fault_kunit_process *other = fault_kunit_process_start(test);
	unsigned long other_addr;

	other_addr = fault_kunit_process_mmap(other, ctx->file, 2, 4, PROT_RDWR);
	KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + 2 * PAGE_SIZE, 1), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_process_write(other, other_addr, 2), 1);
	KUNIT_ASSERT_EQ(test, fault_kunit_process_write(other, other_addr + PAGE_SIZE, 3), 1);

	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, 3), 2);
	pfnmap_test_expect_pte(test, ctx, addr + 2 * PAGE_SIZE, 2, false);
	KUNIT_EXPECT_FALSE(test, fault_kunit_process_writable(other, other_addr));
	KUNIT_EXPECT_TRUE(test, fault_kunit_process_writable(other, other_addr + PAGE_SIZE));

	KUNIT_EXPECT_EQ(test, fault_kunit_process_write(other, other_addr, 4), 1);
	KUNIT_EXPECT_TRUE(test, fault_kunit_process_writable(other, other_addr));
	pfnmap_test_expect_pte(test, ctx, addr + 2 * PAGE_SIZE, 2, false);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

/*
 * At the size of a screen: the range spans more than one page table. Without
 * @hole all of it was written; with it, only the two ends, and the page tables
 * in the middle do not exist.
 */
static void pfnmap_test_wrprotect_page_tables(struct kunit *test, bool hole)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, MAX_PAGE_ORDER);
	unsigned long last = ctx->npages - 1, len = ctx->npages << PAGE_SHIFT;
	unsigned long addr = ALIGN_DOWN(TASK_SIZE / 2, PMD_SIZE) - PAGE_SIZE;
	unsigned long i, step = hole ? last : 1, end = addr + last * PAGE_SIZE;

	/* One page in the first page table, the others in the next ones. */
	addr = kunit_vm_mmap(test, ctx->file, addr, len, PROT_RDWR,
			     MAP_SHARED | MAP_FIXED_NOREPLACE, 0);
	KUNIT_ASSERT_EQ(test, addr + last * PAGE_SIZE, end);

	for (i = 0; i <= last; i += step)
		KUNIT_ASSERT_EQ(test, fault_kunit_write(addr + i * PAGE_SIZE, i), 1);

	/* All but the last page, and then that. */
	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, last), hole ? 1 : last);
	pfnmap_test_expect_pte(test, ctx, end, last, true);
	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, ctx->npages), 1);
	for (i = 0; i <= last; i += step)
		KUNIT_ASSERT_FALSE(test, fault_kunit_writable(addr + i * PAGE_SIZE));
	vm_munmap(addr, len);
}

static void test_wrprotect_page_tables(struct kunit *test)
{
	pfnmap_test_wrprotect_page_tables(test, false);
}

static void test_wrprotect_no_page_table(struct kunit *test)
{
	pfnmap_test_wrprotect_page_tables(test, true);
}

/* Kernel-doc: other address spaces keep their PTEs, even those of the same pages. */
static void test_wrprotect_other_mapping(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	struct inode *other_inode = pfnmap_test_new_inode(test, ctx);
	struct file *other_file = pfnmap_test_open(test, other_inode, O_RDWR);
	unsigned long addr, other_addr, len = ctx->npages << PAGE_SHIFT;

	addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);
	other_addr = pfnmap_test_map(test, other_file, 0, ctx->npages, PROT_RDWR);
	pfnmap_test_write_all(test, addr, ctx->npages);
	pfnmap_test_write_all(test, other_addr, ctx->npages);

	KUNIT_EXPECT_EQ(test, pfnmap_test_wrprotect(ctx, 0, ctx->npages), ctx->npages);
	pfnmap_test_expect_ptes(test, ctx, addr, 0, 0, ctx->npages, false);
	pfnmap_test_expect_ptes(test, ctx, other_addr, 0, 0, ctx->npages, true);
	vm_munmap(addr, len);
	vm_munmap(other_addr, len);
}

/* Kernel-doc: a PTE in the range that maps another page is left alone. */
static void test_wrprotect_other_pfn(struct kunit *test)
{
	struct pfnmap_test *ctx = pfnmap_test_setup(test, PFNMAP_TEST_ORDER);
	struct address_space *mapping = ctx->inode->i_mapping;
	unsigned long addr = pfnmap_test_map(test, ctx->file, 0, ctx->npages, PROT_RDWR);

	pfnmap_test_write_all(test, addr, ctx->npages);
	KUNIT_EXPECT_EQ(test, mapping_wrprotect_range(mapping, 0, ctx->pfn + 8, 4), 0);
	pfnmap_test_expect_ptes(test, ctx, addr, 0, 0, ctx->npages, true);
	vm_munmap(addr, ctx->npages << PAGE_SHIFT);
}

static struct kunit_case mapping_wrprotect_range_cases[] = {
	KUNIT_CASE(test_wrprotect_cleans),
	KUNIT_CASE(test_wrprotect_several_vmas),
	KUNIT_CASE(test_wrprotect_read_only_vma),
	KUNIT_CASE(test_wrprotect_holes),
	KUNIT_CASE(test_wrprotect_second_mm),
	KUNIT_CASE(test_wrprotect_page_tables),
	KUNIT_CASE(test_wrprotect_no_page_table),
	KUNIT_CASE(test_wrprotect_other_mapping),
	KUNIT_CASE(test_wrprotect_other_pfn),
	{}
};

static struct kunit_suite mapping_wrprotect_range_suite = {
	.name = "mapping_wrprotect_range",
	.suite_init = pfnmap_test_suite_init,
	.suite_exit = pfnmap_test_suite_exit,
	.test_cases = mapping_wrprotect_range_cases,
};

kunit_test_suites(&vmf_insert_pfn_mkwrite_suite, &mapping_wrprotect_range_suite);

MODULE_DESCRIPTION("KUnit tests for writable PFN mappings");
MODULE_LICENSE("GPL");
