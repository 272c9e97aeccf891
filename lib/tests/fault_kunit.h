/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page faults from KUnit: accesses to mapped memory that count the faults they
 * take, probes of a PTE's state that take none, and second processes.
 */
#ifndef _LIB_TESTS_FAULT_KUNIT_H
#define _LIB_TESTS_FAULT_KUNIT_H

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

/* The compiler does not know that a user access changes them: hence READ_ONCE(). */
static inline unsigned long fault_kunit_count(void)
{
	return READ_ONCE(current->min_flt) + READ_ONCE(current->maj_flt);
}

/* Returns the number of faults that the access took, or -EFAULT. */
static inline long fault_kunit_read(unsigned long addr, u8 *value)
{
	unsigned long before = fault_kunit_count();

	if (get_user(*value, (u8 __user *)addr))
		return -EFAULT;

	return fault_kunit_count() - before;
}

/* Returns the number of faults that the access took, or -EFAULT. */
static inline long fault_kunit_write(unsigned long addr, unsigned long value)
{
	unsigned long before = fault_kunit_count();

	if (put_user((u8)value, (u8 __user *)addr))
		return -EFAULT;

	return fault_kunit_count() - before;
}

/*
 * Does the CPU set the dirty bit of a writable PTE by itself? Elsewhere, a write to
 * a clean one takes another fault, which mm handles alone.
 */
static inline bool fault_kunit_hardware_dirty(void)
{
	return IS_ENABLED(CONFIG_X86);
}

/* Can the page be read without a fault? */
static inline bool fault_kunit_present(unsigned long addr)
{
	u8 value;

	return !copy_from_user_nofault(&value, (u8 __user *)addr, sizeof(value));
}

/* Can the page be written to without a fault? Leaves its content as it is. */
static inline bool fault_kunit_writable(unsigned long addr)
{
	u8 value;

	return !copy_from_user_nofault(&value, (u8 __user *)addr, sizeof(value)) &&
	       !copy_to_user_nofault((u8 __user *)addr, &value, sizeof(value));
}

/*
 * Maps @npages of @file from page @pgoff on, at an address of the kernel's
 * choice, in the mm of the calling thread. Returns the address or a negative errno,
 * so check with IS_ERR_VALUE().
 */
static inline unsigned long fault_kunit_mmap(struct kunit *test, struct file *file,
					     unsigned long pgoff, unsigned long npages,
					     unsigned long prot, unsigned long flags)
{
	unsigned long addr = kunit_vm_mmap(test, file, 0, npages << PAGE_SHIFT, prot, flags,
					   pgoff << PAGE_SHIFT);

	return addr ?: -ENOMEM;
}

/* What follow_pfnmap_start() finds at an address. */
struct fault_kunit_pte {
	unsigned long pfn;
	bool writable;
	bool dirty;
	bool dirty_known;	/* false on architectures without pte_pgprot() */
};

/* Returns 0, or a negative errno if no page is mapped at @addr. */
static inline int fault_kunit_follow(unsigned long addr, struct fault_kunit_pte *pte)
{
	struct follow_pfnmap_args args = { .address = addr };
	int ret = -EFAULT;

	mmap_read_lock(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	if (args.vma)
		ret = follow_pfnmap_start(&args);
	if (!ret) {
		pte->pfn = args.pfn;
		pte->writable = args.writable;
		pte->dirty_known = pgprot_val(args.pgprot);
		pte->dirty = pte->dirty_known && pte_dirty(pfn_pte(args.pfn, args.pgprot));
		follow_pfnmap_end(&args);
	}
	mmap_read_unlock(current->mm);

	return ret;
}

/*
 * A kernel thread with a mm of its own, which kunit_vm_mmap() makes on the
 * first call from the thread. It stands for a second process.
 */
struct fault_kunit_process {
	struct kunit *test;
	struct kthread_worker worker;
	struct task_struct *task;
	unsigned long addr;	/* what it has mapped */
	unsigned long len;

	/* the call that is under way */
	struct kthread_work work;
	long (*fn)(unsigned long arg0, unsigned long arg1);
	unsigned long args[2];
	long ret;
	bool done;
};

static inline void fault_kunit_process_work(struct kthread_work *work)
{
	struct fault_kunit_process *process =
		container_of(work, struct fault_kunit_process, work);

	process->ret = process->fn(process->args[0], process->args[1]);
	WRITE_ONCE(process->done, true);
}

/* Has the process call @fn, and returns at once. */
static inline void fault_kunit_process_begin(struct fault_kunit_process *process,
					     long (*fn)(unsigned long, unsigned long),
					     unsigned long arg0, unsigned long arg1)
{
	process->fn = fn;
	process->args[0] = arg0;
	process->args[1] = arg1;
	process->done = false;
	kthread_init_work(&process->work, fault_kunit_process_work);
	kthread_queue_work(&process->worker, &process->work);
}

static inline bool fault_kunit_process_done(struct fault_kunit_process *process)
{
	return READ_ONCE(process->done);
}

/*
 * Does the process sleep in the call, where no signal wakes it, as for a mutex? Between
 * calls, it sleeps in another way.
 */
static inline bool fault_kunit_process_blocked(struct fault_kunit_process *process)
{
	return READ_ONCE(process->task->__state) & TASK_UNINTERRUPTIBLE;
}

/* Waits for the call and returns what it returned. */
static inline long fault_kunit_process_end(struct fault_kunit_process *process)
{
	kthread_flush_work(&process->work);

	return process->ret;
}

static inline long fault_kunit_process_call(struct fault_kunit_process *process,
					    long (*fn)(unsigned long, unsigned long),
					    unsigned long arg0, unsigned long arg1)
{
	fault_kunit_process_begin(process, fn, arg0, arg1);

	return fault_kunit_process_end(process);
}

static inline long fault_kunit_do_munmap(unsigned long addr, unsigned long len)
{
	return vm_munmap(addr, len);
}

static inline void fault_kunit_process_munmap(struct fault_kunit_process *process)
{
	if (process->len)
		fault_kunit_process_call(process, fault_kunit_do_munmap, process->addr,
					 process->len);
	process->len = 0;
}

static inline void fault_kunit_process_stop(void *data)
{
	struct fault_kunit_process *process = data;

	/* The thread's mm, and with it the mapping, can outlive kthread_stop(). */
	fault_kunit_process_munmap(process);
	kthread_stop(process->task);
}

static inline struct fault_kunit_process *fault_kunit_process_start(struct kunit *test)
{
	struct fault_kunit_process *process = kunit_kzalloc(test, sizeof(*process), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, process);
	process->test = test;
	kthread_init_worker(&process->worker);
	process->task = kthread_run(kthread_worker_fn, &process->worker, "fault_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, process->task);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, fault_kunit_process_stop, process), 0);

	return process;
}

/* Carries the arguments of fault_kunit_process_mmap() to the other thread. */
struct fault_kunit_mmap_args {
	struct file *file;
	unsigned long pgoff;
	unsigned long npages;
	unsigned long prot;
};

static inline long fault_kunit_do_mmap(unsigned long arg0, unsigned long arg1)
{
	struct fault_kunit_process *process = (void *)arg0;
	struct fault_kunit_mmap_args *args = (void *)arg1;

	return fault_kunit_mmap(process->test, args->file, args->pgoff, args->npages,
				args->prot, MAP_SHARED);
}

/* Maps a file into the process, which can have one mapping at a time. */
static inline unsigned long fault_kunit_process_mmap(struct fault_kunit_process *process,
						     struct file *file, unsigned long pgoff,
						     unsigned long npages, unsigned long prot)
{
	struct fault_kunit_mmap_args args = {
		.file = file,
		.pgoff = pgoff,
		.npages = npages,
		.prot = prot,
	};
	unsigned long addr = fault_kunit_process_call(process, fault_kunit_do_mmap,
						      (unsigned long)process,
						      (unsigned long)&args);

	KUNIT_ASSERT_FALSE(process->test, IS_ERR_VALUE(addr));
	process->addr = addr;
	process->len = npages << PAGE_SHIFT;

	return addr;
}

static inline long fault_kunit_do_writable(unsigned long addr, unsigned long unused)
{
	return fault_kunit_writable(addr);
}

static inline long fault_kunit_process_write(struct fault_kunit_process *process,
					     unsigned long addr, u8 value)
{
	return fault_kunit_process_call(process, fault_kunit_write, addr, value);
}

static inline bool fault_kunit_process_writable(struct fault_kunit_process *process,
						unsigned long addr)
{
	return fault_kunit_process_call(process, fault_kunit_do_writable, addr, 0);
}

#endif /* _LIB_TESTS_FAULT_KUNIT_H */
