// SPDX-License-Identifier: GPL-2.0
/*
 * Random operations on framebuffers with deferred I/O, against a model.
 *
 *	fb_defio_fuzz [-s SEED] [-o OPERATIONS] [-m MEMORY] [-v]
 *
 * A conductor tells up to four processes what to do, one operation at a time, and
 * knows what has to come of it: which bytes a mapping shows, whether an access
 * raises a signal, whether a system call fails. After fsync() and its like, the panel
 * of the mock device must equal the model of the framebuffer. Only where the
 * model is certain: "either" stands for what depends on the kernel's mood.
 *
 * The seed decides on everything. The same seed with fewer operations is a prefix of
 * the same sequence, with the same checks at its end; so the shortest prefix
 * that fails names the operation that did the damage. What the kernel does in
 * between, such as flushes after a delay of some milliseconds, follows the clock.
 *
 * All bytes that are written to framebuffers are below OWN_MAX. Everybody else's are not: the
 * poison of the mock device, and the memory that is allocated when a framebuffer
 * has been freed. Such a byte in a mapping, or one of ours in such memory, is a
 * use after free.
 */

#include <linux/fb.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "mock.h"

#define NPROCS		4
#define NFDS		4
#define MAX_PAGES	44	/* of a framebuffer */
#define BUSY_PAGES	32	/* so many dirty pages make a screen busy */
#define ARENA_PAGES	96	/* of a process, for all of its mappings */
#define BUF_PAGES	4
#define NVICTIMS	16	/* anonymous pages of each process */
#define FILE_SIZE	4096	/* of the file for direct I/O */
#define OWN_FLUSHES_MS	60000	/* a delay that is longer than the test */
#define PRESS_SIZE	(512UL << 10)

#define OWN_MAX		0x50
#define VICTIM		0xd5

/* Where no allocation of the C library comes */
#define ARENA		((uint8_t *)0x200000000000UL)
#define SHARED		((struct shared *)0x210000000000UL)

/* File descriptors that all processes have */
#define SHARED_FD	100
#define SOCKET_FD	101	/* and the next one */

#define MOUNT		"/tmp/fb_defio_fuzz"
#define DIRECT_FILE	MOUNT "/file"
#define OTHER_NODE	MOUNT "/node"
#define RAMDISK		"/dev/ram0"

enum command {
	CMD_SYSCALL,	/* number and arguments */
	CMD_STORE,	/* address, pages, offset, length, value */
	CMD_LOAD,	/* address, length */
	CMD_HAMMER,	/* address, pages, offset, rounds, variant, fd */
	CMD_FORK,	/* number of the child */
	CMD_EXIT,
	CMD_EXEC,
	CMD_SEND_FD,	/* fd */
	CMD_RECEIVE_FD,	/* O_CLOEXEC or 0 */
	CMD_VMSPLICE,	/* address, length, whether to unmap before reading */
	CMD_VICTIMS,
};

struct slot {
	uint32_t told;	/* futex: the process has to do something */
	uint32_t replied;	/* futex: it is done */
	enum command command;
	long args[7];
	long ret;	/* a negative errno value if it failed */
	int sig;	/* that an access has raised */
	unsigned long done;	/* stores before that */
	uint8_t buf[BUF_PAGES * 4096];
};

struct shared {
	struct slot slots[NPROCS];
};

/*
 * The processes
 */

static size_t page_size;
static unsigned int self;
static uint8_t *victims;
static sigjmp_buf access_env;

/* Waits until somebody says so; each process waits for one other. */
static void futex_wait(uint32_t *futex)
{
	while (!__atomic_exchange_n(futex, 0, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, futex, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void futex_wake(uint32_t *futex)
{
	__atomic_store_n(futex, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, futex, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void access_handler(int sig)
{
	siglongjmp(access_env, sig);
}

static void run_store(struct slot *slot)
{
	uint8_t *addr = (uint8_t *)slot->args[0];
	long page, i;

	slot->done = 0;
	slot->sig = sigsetjmp(access_env, 0);
	if (slot->sig)
		return;
	for (page = 0; page < slot->args[1]; page++) {
		for (i = 0; i < slot->args[3]; i++)
			__atomic_store_n(addr + page * page_size + slot->args[2] + i,
					 slot->args[4], __ATOMIC_SEQ_CST);
		__atomic_store_n(&slot->done, page + 1, __ATOMIC_SEQ_CST);
	}
}

static void run_load(struct slot *slot)
{
	const uint8_t *addr = (const uint8_t *)slot->args[0];
	long i;

	slot->sig = sigsetjmp(access_env, 0);
	if (slot->sig)
		return;
	for (i = 0; i < slot->args[1]; i++)
		slot->buf[i] = __atomic_load_n(addr + i, __ATOMIC_RELAXED);
}

/* What can come between two writes to a page, and leaves the mapping as it was */
static void run_disturbance(long variant, uint8_t *addr, size_t len, int fd)
{
	uint8_t *away = ARENA + (ARENA_PAGES + self * MAX_PAGES) * page_size;

	switch (variant) {
	case 1:
		madvise(addr, len, MADV_DONTNEED);
		break;
	case 2:
		mprotect(addr, len, PROT_READ);
		mprotect(addr, len, PROT_READ | PROT_WRITE);
		break;
	case 3:
		if (mremap(addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, away) == away)
			mremap(away, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, addr);
		break;
	case 4:
		fsync(fd);
		break;
	}
}

/* To be told takes no time on the same CPU; to write at once needs another one. */
static void use_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Stores are counted one by one: the last ones may fail, as the device goes. */
static void run_hammer(struct slot *slot)
{
	uint8_t *addr = (uint8_t *)slot->args[0];
	long pages = slot->args[1], round, page;

	slot->done = 0;
	use_cpu(self % 2);
	slot->sig = sigsetjmp(access_env, 0);
	if (slot->sig)
		goto out_cpu;
	for (round = 0; round < slot->args[3]; round++) {
		for (page = 0; page < pages; page++) {
			__atomic_store_n(addr + page * page_size + slot->args[2],
					 1 + round % (OWN_MAX - 1), __ATOMIC_SEQ_CST);
			__atomic_store_n(&slot->done, round * pages + page + 1, __ATOMIC_SEQ_CST);
		}
		if (round % 4 == 3 && round + 1 < slot->args[3])
			run_disturbance(slot->args[4], addr, pages * page_size, slot->args[5]);
	}
out_cpu:
	use_cpu(0);
}

static long run_send_fd(int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));

	return sendmsg(SOCKET_FD, &msg, 0) < 0 ? -errno : 0;
}

static long run_receive_fd(int cloexec)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(SOCKET_FD + 1, &msg, cloexec ? MSG_CMSG_CLOEXEC : 0) < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg)
		return -EIO;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));

	return fd;
}

/* Pages go into a pipe; what they contain is read from there. */
static long run_vmsplice(struct slot *slot)
{
	struct iovec iov = { (void *)slot->args[0], slot->args[1] };
	int fds[2];
	long ret;

	if (pipe(fds))
		return -errno;
	ret = vmsplice(fds[1], &iov, 1, 0);
	if (ret < 0) {
		ret = -errno;
	} else {
		if (slot->args[2])
			munmap((void *)slot->args[0], slot->args[1]);
		ret = read(fds[0], slot->buf, ret);
		if (ret < 0)
			ret = -errno;
	}
	close(fds[0]);
	close(fds[1]);

	return ret;
}

static long run_victims(void)
{
	long wrong = 0;
	size_t i;

	for (i = 0; i < NVICTIMS * page_size; i++)
		wrong += victims[i] != VICTIM;

	return wrong;
}

static void __noreturn worker(unsigned int id, bool forked);

static long run_fork(unsigned int child)
{
	pid_t pid;

	/* The conductor is the parent of all of them. */
	pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		worker(child, true);

	return pid < 0 ? -errno : pid;
}

static void run_exec(void)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", self);
	execl("/proc/self/exe", "fb_defio_fuzz", "-w", number, NULL);
	_exit(1);
}

static void __noreturn worker(unsigned int id, bool forked)
{
	struct sigaction sa = { .sa_handler = access_handler, .sa_flags = SA_NODEFER };
	struct slot *slot = &SHARED->slots[id];
	long *args = slot->args;

	self = id;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	if (!forked) {
		victims = mmap(NULL, NVICTIMS * page_size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (victims == MAP_FAILED)
			_exit(1);
		memset(victims, VICTIM, NVICTIMS * page_size);
		futex_wake(&slot->replied);
	}

	for (;;) {
		futex_wait(&slot->told);
		slot->ret = 0;
		slot->sig = 0;
		switch (slot->command) {
		case CMD_SYSCALL:
			slot->ret = syscall(args[0], args[1], args[2], args[3], args[4], args[5],
					    args[6]);
			if (slot->ret == -1)
				slot->ret = -errno;
			break;
		case CMD_STORE:
			run_store(slot);
			break;
		case CMD_LOAD:
			run_load(slot);
			break;
		case CMD_HAMMER:
			run_hammer(slot);
			break;
		case CMD_FORK:
			slot->ret = run_fork(args[0]);
			break;
		case CMD_EXIT:
			_exit(0);
		case CMD_EXEC:
			run_exec();
			break;
		case CMD_SEND_FD:
			slot->ret = run_send_fd(args[0]);
			break;
		case CMD_RECEIVE_FD:
			slot->ret = run_receive_fd(args[0]);
			break;
		case CMD_VMSPLICE:
			slot->ret = run_vmsplice(slot);
			break;
		case CMD_VICTIMS:
			slot->ret = run_victims();
			break;
		}
		futex_wake(&slot->replied);
	}
}

/*
 * The model
 */

/* A framebuffer, from the driver's probe on; it stays known when it has gone. */
struct gen {
	bool live;
	bool contiguous;
	bool file;	/* pages that reclaim looks at */
	size_t len;
	size_t npages;
	uint8_t *mem;
	struct gen *next;
};

enum touched { NO, YES, MAYBE };

/* A page of an arena */
struct page {
	struct gen *gen;	/* NULL: not mapped */
	unsigned int vma;	/* pages of one VMA, at least, have the same number */
	size_t pgoff;
	int prot;
	bool shared;		/* VM_SHARED: writes go to the framebuffer */
	bool may_write;
	bool dont_fork;
	enum touched touched;	/* page-backed: there is a PTE */
	uint8_t *copy;		/* private page that has been written */
	bool unsure;		/* whether there is one */
};

struct file {
	int fd;	/* -1: none */
	struct gen *gen;
	int access;
	bool cloexec;
};

struct proc {
	pid_t pid;	/* 0: none */
	struct page pages[ARENA_PAGES];
	struct file files[NFDS];
};

static const char * const mem_names[] = {
	"vmalloc", "get_page", "file", "alloc_pages", "free_pages", "kmalloc", "dma_pages",
};

static struct proc procs[NPROCS];
static struct gen *gens;	/* of this round */
static struct gen *gen;		/* of the bound device, NULL: none */
static struct mock mock;	/* name[0]: there is a device */
static int panel_fd = -1;
static bool device_contiguous, device_file;
static size_t device_len;	/* at each bind */
static unsigned int device_xres, device_yres, device_yres_virtual;
static bool device_sort, device_quarantine;
static unsigned int device_delay; /* ms */
static bool panel_fails;
static bool frozen;
static uint8_t *press;		/* memory of somebody else, perhaps a former framebuffer */
static unsigned int last_vma;
static uint8_t file_model[FILE_SIZE];
static uint8_t *panel;

static const char *only_mem;
static bool verbose;
static uint64_t seed = 1;
static uint64_t state;
static unsigned long nops = 20000, op_number;
static unsigned long nstores, nrounds, nchecks;
static const char *op_name = "setup";
static char op_text[256];
static bool with_fs, with_sockets;
static int kmsg;
static bool counting;	/* this attempt at an operation has done something */

/* 0 to n - 1 */
static size_t pick(size_t n)
{
	return random_number(&state) % n;
}

static uint8_t pick_byte(void)
{
	return 1 + pick(OWN_MAX - 1);
}

static void __printf(1, 2) describe(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(op_text, sizeof(op_text), fmt, ap);
	va_end(ap);
	if (verbose)
		printf("# %lu %s: %s\n", op_number, op_name, op_text);
	counting = true;
}

static void print_counts(void);

static void __noreturn __printf(1, 2) fail(const char *fmt, ...)
{
	va_list ap;
	size_t i;

	for (i = 0; i < NPROCS; i++) {
		if (procs[i].pid)
			kill(procs[i].pid, SIGKILL);
	}
	printf("# operation %lu, %s (%s): ", op_number, op_name, op_text);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n# to repeat it: -s %llu -o %lu%s%s\n", (unsigned long long)seed, op_number,
	       only_mem ? " -m " : "", only_mem ? only_mem : "");
	print_counts();
	printf("not ok 1 - framebuffer, panel and processes are as the model says\n");
	printf("not ok 2 - each kind of operation ran # not judged\n");
	printf("%s 3 - the kernel does not complain\n", mock_kmsg_splats(kmsg) ? "not ok" : "ok");
	fflush(stdout);
	_exit(1);
}

/*
 * Telling processes what to do
 */

static struct slot *slot_of(const struct proc *proc)
{
	return &SHARED->slots[proc - procs];
}

static void start(struct proc *proc, enum command command)
{
	slot_of(proc)->command = command;
	futex_wake(&slot_of(proc)->told);
}

static struct proc *waited_for;
static int waited;

/* Once a second, while we wait: a process that is dead, or hangs, does not answer. */
static void alarm_handler(int sig)
{
	struct proc *proc = waited_for;
	int status;

	if (!proc)
		return;
	if (waitpid(proc->pid, &status, WNOHANG) == proc->pid) {
		proc->pid = 0;
		fail("process %zd has died of signal %d", proc - procs, WTERMSIG(status));
	}
	if (++waited == 300)
		fail("process %zd hangs", proc - procs);
}

static void finish(struct proc *proc)
{
	waited = 0;
	waited_for = proc;
	futex_wait(&slot_of(proc)->replied);
	waited_for = NULL;
}

static void ended(struct proc *proc)
{
	int status;

	if (waitpid(proc->pid, &status, 0) != proc->pid)
		fail("process %zd cannot be waited for: %s", proc - procs, strerror(errno));
	proc->pid = 0;
}

static long do_syscall(struct proc *proc, long number, long a, long b, long c, long d, long e,
		       long f)
{
	const long args[] = { number, a, b, c, d, e, f };
	struct slot *slot = slot_of(proc);

	memcpy(slot->args, args, sizeof(args));
	start(proc, CMD_SYSCALL);
	finish(proc);

	return slot->ret;
}

#define SYSCALL6(proc, nr, a, b, c, d, e, f, ...) \
	do_syscall(proc, nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYSCALL(proc, ...) SYSCALL6(proc, __VA_ARGS__, 0, 0, 0, 0, 0, 0)

/* @err: what it must return, 0 for success */
static void expect(long ret, long err)
{
	if (err ? ret != err : ret < 0)
		fail("returned %ld, must be %ld", ret, err);
}

/*
 * Pages
 */

static uint8_t *address(size_t page)
{
	return ARENA + page * page_size;
}

static size_t npages_of(const struct gen *g)
{
	return g->npages;
}

static const uint8_t *content(const struct page *page)
{
	return page->copy ? page->copy : page->gen->mem + page->pgoff * page_size;
}

static void forget_copy(struct page *page)
{
	free(page->copy);
	page->copy = NULL;
	page->unsure = false;
}

static void unmap_page(struct page *page)
{
	forget_copy(page);
	memset(page, 0, sizeof(*page));
}

static void copy_page(struct page *page)
{
	uint8_t *copy;

	if (page->copy)
		return;
	copy = malloc(page_size);
	if (!copy)
		fail("no memory");
	memcpy(copy, content(page), page_size);
	page->copy = copy;
}

enum outcome { OK, SEGV, BUS, OK_OR_BUS };

/* What an access comes to if the protection does not forbid it */
static enum outcome reach(const struct page *page, bool write)
{
	const struct gen *g = page->gen;

	if (page->copy && !page->unsure)
		return OK;
	if (page->pgoff >= npages_of(g))
		return page->unsure ? OK_OR_BUS : BUS;
	if (g->live)
		return OK;
	if (page->unsure)
		return OK_OR_BUS;
	/* Contiguous memory is revoked; what is mapped of other memory stays readable. */
	if (g->contiguous || (write && page->shared) || page->touched == NO)
		return BUS;

	return page->touched == YES ? OK : OK_OR_BUS;
}

static enum outcome outcome(const struct page *page, bool write)
{
	if (!page->gen || !page->prot || (write && !(page->prot & PROT_WRITE)))
		return SEGV;

	return reach(page, write);
}

static void touch(struct page *page, bool write, bool certain)
{
	if (page->touched != YES)
		page->touched = certain ? YES : MAYBE;
	if (write && !page->shared) {
		if (!certain)
			page->unsure = true;
		else
			copy_page(page);
	}
}

/* After a write of which it is certain whether it has reached the page */
static void wrote(struct page *page, size_t offset, const uint8_t *bytes, size_t n)
{
	uint8_t *mem = page->shared ? page->gen->mem + page->pgoff * page_size : page->copy;

	if (mem)
		memcpy(mem + offset, bytes, n);
	nstores++;
}

static bool foreign(const uint8_t *bytes, size_t n, size_t *at)
{
	for (*at = 0; *at < n; (*at)++) {
		if (bytes[*at] >= OWN_MAX)
			return true;
	}

	return false;
}

static void check_bytes(const struct page *page, size_t offset, const uint8_t *bytes, size_t n)
{
	size_t at;

	if (foreign(bytes, n, &at))
		fail("page %zu has somebody else's byte %#x at %zu", page->pgoff, bytes[at],
		     offset + at);
	if (page->unsure)
		return;
	for (at = 0; at < n; at++) {
		if (bytes[at] != content(page)[offset + at])
			fail("page %zu has %#x at %zu, must be %#x", page->pgoff, bytes[at],
			     offset + at, content(page)[offset + at]);
	}
}

/* Did the access go as it had to? Returns whether it was let through. */
static bool check_signal(int sig, enum outcome want)
{
	if (want == OK_OR_BUS ? sig && sig != SIGBUS :
	    sig != (want == OK ? 0 : want == BUS ? SIGBUS : SIGSEGV))
		fail("raised signal %d, must be %s", sig,
		     want == OK ? "none" : want == SEGV ? "SIGSEGV" :
		     want == BUS ? "SIGBUS" : "SIGBUS or none");

	return !sig;
}

/* The same for an access by the kernel: a byte count, or -EFAULT */
static bool check_result(long ret, size_t n, enum outcome want, long err)
{
	bool ok = ret == (long)n;

	if ((want == OK && !ok) || (!ok && ret != err) || (ok && want != OK && want != OK_OR_BUS))
		fail("returned %ld, must be %ld", ret, want == OK ? (long)n : err);

	return ok;
}

static void load(struct proc *proc, size_t index, size_t offset, size_t n)
{
	struct slot *slot = slot_of(proc);
	struct page *page = &proc->pages[index];
	enum outcome want = outcome(page, false);

	slot->args[0] = (long)(address(index) + offset);
	slot->args[1] = n;
	start(proc, CMD_LOAD);
	finish(proc);
	if (check_signal(slot->sig, want))
		check_bytes(page, offset, slot->buf, n);
	if (want == OK || want == OK_OR_BUS)
		touch(page, false, want == OK);
}

/* The same bytes in each of the pages; those up to the first that raises a signal */
static void store(struct proc *proc, size_t index, size_t npages, size_t offset, size_t n,
		  uint8_t value)
{
	struct slot *slot = slot_of(proc);
	uint8_t bytes[64];
	enum outcome want;
	size_t i;

	memset(bytes, value, n);
	slot->args[0] = (long)address(index);
	slot->args[1] = npages;
	slot->args[2] = offset;
	slot->args[3] = n;
	slot->args[4] = value;
	start(proc, CMD_STORE);
	finish(proc);
	for (i = 0; i < npages; i++) {
		struct page *page = &proc->pages[index + i];

		want = outcome(page, true);
		check_signal(i < slot->done ? 0 : slot->sig, want);
		if (want == OK || want == OK_OR_BUS)
			touch(page, true, want == OK);
		if (i >= slot->done)
			break;
		wrote(page, offset, bytes, n);
	}
}

/*
 * Choices. Those that find nothing return NULL or -1, and the operation is another one.
 */

static struct proc *pick_proc(void)
{
	size_t i, from = pick(NPROCS);

	for (i = 0; i < NPROCS; i++) {
		if (procs[(from + i) % NPROCS].pid)
			return &procs[(from + i) % NPROCS];
	}

	return NULL;
}

static struct proc *pick_no_proc(void)
{
	size_t i, from = pick(NPROCS);

	for (i = 0; i < NPROCS; i++) {
		if (!procs[(from + i) % NPROCS].pid)
			return &procs[(from + i) % NPROCS];
	}

	return NULL;
}

static struct file *pick_file(struct proc *proc)
{
	size_t i, from = pick(NFDS);

	for (i = 0; i < NFDS; i++) {
		if (proc->files[(from + i) % NFDS].fd >= 0)
			return &proc->files[(from + i) % NFDS];
	}

	return NULL;
}

static struct file *pick_no_file(struct proc *proc)
{
	size_t i;

	for (i = 0; i < NFDS; i++) {
		if (proc->files[i].fd < 0)
			return &proc->files[i];
	}

	return NULL;
}

/* Of the device that is bound now */
static struct file *live_file(struct proc *proc, int access)
{
	size_t i;

	for (i = 0; i < NFDS; i++) {
		struct file *file = &proc->files[i];

		if (file->fd >= 0 && file->gen->live &&
		    (access < 0 || file->access == access))
			return file;
	}

	return NULL;
}

/* Mapped, most of the time */
static long pick_page(struct proc *proc)
{
	size_t i, from = pick(ARENA_PAGES);

	if (!pick(16))
		return from;
	for (i = 0; i < ARENA_PAGES; i++) {
		if (proc->pages[(from + i) % ARENA_PAGES].gen)
			return (from + i) % ARENA_PAGES;
	}

	return -1;
}

/* A range of pages of one VMA. Returns how many there are, @index is the first. */
static size_t pick_range(struct proc *proc, size_t *index)
{
	size_t first, end, i;
	long page = pick_page(proc);
	unsigned int vma;

	if (page < 0 || !proc->pages[page].gen)
		return 0;
	first = page;
	end = page + 1;
	vma = proc->pages[page].vma;
	while (first && proc->pages[first - 1].vma == vma)
		first--;
	while (end < ARENA_PAGES && proc->pages[end].vma == vma)
		end++;
	/* The whole of it, an end, or something in the middle */
	if (pick(3)) {
		i = pick(end - first);
		if (pick(2))
			first += i;
		if (pick(2))
			end -= pick(end - first);
	}
	*index = first;

	return end - first;
}

/* A range that has become a VMA of its own: it, and what follows, is another one. */
static void split(struct proc *proc, size_t index, size_t n)
{
	unsigned int vma = proc->pages[index].vma;
	size_t i;

	last_vma += 2;
	for (i = index; i < ARENA_PAGES && proc->pages[i].vma == vma; i++)
		proc->pages[i].vma = last_vma - (i < index + n);
}

/* A place for @n pages: a free one if possible and wanted */
static size_t pick_place(struct proc *proc, size_t n)
{
	size_t i, j, from = pick(ARENA_PAGES - n + 1);

	if (!pick(4))
		return from;
	for (i = 0; i <= ARENA_PAGES - n; i++) {
		size_t place = (from + i) % (ARENA_PAGES - n + 1);

		for (j = 0; j < n && !proc->pages[place + j].gen; j++)
			;
		if (j == n)
			return place;
	}

	return from;
}

/*
 * The oracle
 */

static void check_panel(void)
{
	struct gen *g = gen ? gen : gens;
	ssize_t ret;
	size_t at;

	if (!mock.name[0] || panel_fails)
		return;
	ret = pread(panel_fd, panel, g->len, 0);
	if (ret != (ssize_t)g->len)
		fail("the panel cannot be read: %zd", ret);
	nchecks++;
	if (!memcmp(panel, g->mem, g->len))
		return;
	for (at = 0; panel[at] == g->mem[at]; at++)
		;
	fail("the panel has %#x in page %zu at %zu, must be %#x", panel[at], at / page_size,
	     at % page_size, g->mem[at]);
}

static int conductor_open(void)
{
	int fd = mock_open(&mock, O_RDWR);

	if (fd < 0)
		fail("the device cannot be opened: %s", strerror(-fd));

	return fd;
}

/*
 * The kernel has written to a page that it had pinned. The page fault has put the page
 * on the list, but data can come after the next flush, which nobody learns of. So they
 * are written once more, unless all flushes are the program's own.
 */
static void wrote_pinned(struct page *page, size_t offset, const uint8_t *bytes, size_t n)
{
	size_t pos = page->pgoff * page_size + offset;
	int fd;

	wrote(page, offset, bytes, n);
	if (!page->shared || !gen || page->gen != gen || gen->contiguous || pos >= gen->len ||
	    device_delay >= OWN_FLUSHES_MS)
		return;
	n = n < gen->len - pos ? n : gen->len - pos;
	fd = conductor_open();
	expect(pwrite(fd, bytes, n, pos), n);
	close(fd);
}

/* For operations after which nothing is certain to be shown by itself */
static void sync_and_check(void)
{
	int fd;

	if (!gen)
		return;
	fd = conductor_open();
	if (fsync(fd))
		fail("fsync() fails: %s", strerror(errno));
	check_panel();
	close(fd);
}

/* Memory that has been freed gets into other hands, and stays there for a while. */
static void take_memory(void)
{
	size_t i;

	if (press) {
		for (i = 0; i < PRESS_SIZE; i++) {
			if (press[i] != VICTIM)
				fail("somebody wrote %#x to other memory", press[i]);
		}
		munmap(press, PRESS_SIZE);
	}
	press = mmap(NULL, PRESS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (press == MAP_FAILED)
		fail("no memory");
	memset(press, VICTIM, PRESS_SIZE);
}

static void check_victims(void)
{
	size_t i;

	for (i = 0; i < NPROCS; i++) {
		if (!procs[i].pid)
			continue;
		start(&procs[i], CMD_VICTIMS);
		finish(&procs[i]);
		if (slot_of(&procs[i])->ret)
			fail("%ld bytes of other memory of process %zu have changed",
			     slot_of(&procs[i])->ret, i);
	}
}

/*
 * The device
 */

static void new_gen(void)
{
	struct gen *g = calloc(1, sizeof(*g));
	long long node;
	char path[64];

	if (!g)
		fail("no memory");
	g->mem = calloc(MAX_PAGES, page_size);
	if (!g->mem)
		fail("no memory");
	g->live = true;
	g->contiguous = device_contiguous;
	g->file = device_file;
	g->len = device_len;
	g->npages = (g->len + page_size - 1) / page_size;
	g->next = gens;
	gens = g;
	gen = g;

	if (with_fs) {
		/* They stay: to free an unlinked one waits for a frozen file system. */
		node = mock_node(&mock);
		snprintf(path, sizeof(path), OTHER_NODE "%lld", node);
		if (mknod(path, S_IFCHR | 0600, makedev(29, node)) && errno != EEXIST)
			fail("%s cannot be made: %s", path, strerror(errno));
	}
}

static void create_device(void)
{
	static const unsigned int delays[] = {
		1, 3, 20, OWN_FLUSHES_MS, OWN_FLUSHES_MS, OWN_FLUSHES_MS
	};
	const char *mem = only_mem ? only_mem : mem_names[pick(ARRAY_SIZE(mem_names))];
	size_t npages = pick(2) ? 36 + pick(MAX_PAGES - 36 + 1) : 2 + pick(20);
	size_t tail = pick(2) ? 0 : 4 * (1 + pick(900));
	bool destroy;
	char path[160];
	int ret;

	device_delay = delays[pick(ARRAY_SIZE(delays))];
	destroy = pick(2);
	device_len = npages * page_size - tail;
	device_contiguous = strcmp(mem, "vmalloc") && strcmp(mem, "get_page") &&
			    strcmp(mem, "file");
	device_file = !strcmp(mem, "file");
	/* The page cache wants its pages back, so such drivers free them when nobody maps them. */
	destroy = destroy || device_file;
	device_xres = 16;
	device_yres = 8;
	device_yres_virtual = 32;
	device_sort = pick(2);
	/* What is still mapped of page-backed memory would show the poison. */
	device_quarantine = !pick(3) && device_contiguous;
	panel_fails = false;
	ret = mock_create(&mock,
			  "mem=%s len=%zu max_len=%zu xres=16 yres=8 yres_virtual=32 delay_ms=%u sort=%d quarantine=%d free=%s",
			  mem, device_len, MAX_PAGES * page_size, device_delay, device_sort,
			  device_quarantine, destroy ? "destroy" : "remove");
	describe("mem=%s len=%zu delay=%u free=%s", mem, device_len, device_delay,
		 destroy ? "destroy" : "remove");
	expect(ret, 0);
	snprintf(path, sizeof(path), MOCK_DEBUGFS "/%s/panel", mock.name);
	panel_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (panel_fd < 0)
		fail("%s: %s", path, strerror(errno));
	new_gen();
}

static void device_gone(void)
{
	if (!gen)
		return;
	gen->live = false;
	gen = NULL;
}

static void check_stats(void)
{
	static const char * const names[] = { "bad_pages", "concurrent", "unsorted" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (mock_stat(&mock, names[i]))
			fail("the driver has counted: %s %lld", names[i],
			     mock_stat(&mock, names[i]));
	}
	if (mock_poison_lost(&mock))
		fail("%lld bytes of freed framebuffers were written to", mock_poison_lost(&mock));
}

static void delete_device(void)
{
	check_stats();
	expect(mock_delete(&mock), 0);
	close(panel_fd);
	panel_fd = -1;
	device_gone();
	mock.name[0] = '\0';
	take_memory();
}

static void set_frozen(bool freeze)
{
	int fd;

	if (frozen == freeze)
		return;
	fd = open(MOUNT, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, freeze ? FIFREEZE : FITHAW, 0))
		fail("the file system cannot be %s: %s", freeze ? "frozen" : "thawed",
		     strerror(errno));
	close(fd);
	frozen = freeze;
}

/*
 * Operations on files
 */

static void do_open(bool other)
{
	static const int accesses[] = { O_RDWR, O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_RDONLY,
					O_WRONLY };
	struct proc *proc = pick_proc();
	int access = accesses[pick(ARRAY_SIZE(accesses))];
	bool cloexec = pick(2);
	struct file *file;
	char *path = (char *)slot_of(proc)->buf;
	long ret;

	file = pick_no_file(proc);
	if (!file || !gen || (other && !with_fs))
		return;
	describe("process %zd, access %d", proc - procs, access);
	sprintf(path, "%s%lld", other ? OTHER_NODE : "/dev/fb", mock_node(&mock));
	ret = SYSCALL(proc, SYS_open, path, access | (cloexec ? O_CLOEXEC : 0), 0);
	expect(ret, 0);
	file->fd = ret;
	file->gen = gen;
	file->access = access;
	file->cloexec = cloexec;
}

static void op_open(void)
{
	do_open(false);
}

static void op_open_node(void)
{
	do_open(true);
}

static void op_close(void)
{
	struct proc *proc = pick_proc();
	struct file *file = pick_file(proc);

	if (!file)
		return;
	describe("process %zd, fd %d", proc - procs, file->fd);
	expect(SYSCALL(proc, SYS_close, file->fd), 0);
	file->fd = -1;
}

static void op_pass_fd(void)
{
	struct proc *from = pick_proc(), *to = pick_proc();
	struct file *file = pick_file(from), *new = pick_no_file(to);
	bool cloexec = pick(2);

	if (!with_sockets || !file || !new)
		return;
	describe("process %zd to %zd", from - procs, to - procs);
	slot_of(from)->args[0] = file->fd;
	start(from, CMD_SEND_FD);
	finish(from);
	expect(slot_of(from)->ret, 0);
	slot_of(to)->args[0] = cloexec;
	start(to, CMD_RECEIVE_FD);
	finish(to);
	expect(slot_of(to)->ret, 0);
	*new = *file;
	new->fd = slot_of(to)->ret;
	new->cloexec = cloexec;
}

static void op_fsync(void)
{
	struct proc *proc = pick_proc();
	struct file *file = pick_file(proc);

	if (!file)
		return;
	describe("process %zd", proc - procs);
	expect(SYSCALL(proc, pick(2) ? SYS_fsync : SYS_fdatasync, file->fd), 0);
	if (file->gen->live)
		check_panel();
}

/* Some bytes of a framebuffer, as many as a buffer has */
static size_t pick_extent(const struct gen *g, size_t *n)
{
	*n = 1 + pick(pick(4) ? 100 : BUF_PAGES * page_size);
	if (*n > g->len)
		*n = g->len;

	return pick(g->len - *n + 1);
}

/* Whether read() or write() has done something; what it returns is right in any case. */
static bool check_io(const struct file *file, int denied, long ret, size_t n)
{
	if (file->access == denied)
		expect(ret, -EBADF);
	else if (!file->gen->live)
		expect(ret, -ENODEV);
	else if (ret != (long)n)
		fail("returned %ld, must be %zu", ret, n);
	else
		return true;

	return false;
}

static void op_write(void)
{
	struct proc *proc = pick_proc();
	struct file *file = pick_file(proc);
	struct slot *slot = slot_of(proc);
	size_t n, offset;
	long ret;

	if (!file)
		return;
	offset = pick_extent(file->gen, &n);
	describe("process %zd, %zu bytes at %zu", proc - procs, n, offset);
	memset(slot->buf, pick_byte(), n);
	ret = SYSCALL(proc, SYS_pwrite64, file->fd, slot->buf, n, offset);
	if (check_io(file, O_RDONLY, ret, n))
		memcpy(file->gen->mem + offset, slot->buf, n);
}

static void op_read(void)
{
	struct proc *proc = pick_proc();
	struct file *file = pick_file(proc);
	struct slot *slot = slot_of(proc);
	size_t n, offset;
	long ret;

	if (!file)
		return;
	offset = pick_extent(file->gen, &n);
	describe("process %zd, %zu bytes at %zu", proc - procs, n, offset);
	ret = SYSCALL(proc, SYS_pread64, file->fd, slot->buf, n, offset);
	if (check_io(file, O_WRONLY, ret, n) && memcmp(slot->buf, file->gen->mem + offset, n))
		fail("reads something else than was written");
}

static void op_pan(void)
{
	struct proc *proc = pick_proc();
	struct file *file = pick_file(proc);
	struct fb_var_screeninfo *var = (struct fb_var_screeninfo *)slot_of(proc)->buf;
	long ret;

	if (!file)
		return;
	memset(var, 0, sizeof(*var));
	var->yoffset = pick(device_yres_virtual);
	describe("process %zd, to %u", proc - procs, var->yoffset);
	ret = SYSCALL(proc, SYS_ioctl, file->fd, FBIOPAN_DISPLAY, var);
	if (!file->gen->live)
		expect(ret, -ENODEV);
	else
		expect(ret, var->yoffset + device_yres > device_yres_virtual ? -EINVAL : 0);
}

static void op_mode(void)
{
	struct proc *proc = pick_proc();
	struct file *file = pick_file(proc);
	struct fb_var_screeninfo *var = (struct fb_var_screeninfo *)slot_of(proc)->buf;
	unsigned int xres = 8 + pick(57), yres = 8 + pick(25), virtual = yres + pick(32);
	bool fits;
	long ret;

	if (!file)
		return;
	describe("process %zd, %ux%u of %u", proc - procs, xres, yres, virtual);
	ret = SYSCALL(proc, SYS_ioctl, file->fd, FBIOGET_VSCREENINFO, var);
	if (!file->gen->live) {
		expect(ret, -ENODEV);
		return;
	}
	expect(ret, 0);
	if (var->xres != device_xres || var->yres != device_yres ||
	    var->yres_virtual != device_yres_virtual)
		fail("the mode is %ux%u of %u", var->xres, var->yres, var->yres_virtual);
	var->xres = xres;
	var->yres = yres;
	var->yres_virtual = virtual;
	var->yoffset = 0;
	var->activate = FB_ACTIVATE_NOW;
	fits = (size_t)xres * virtual * 4 <= file->gen->len;
	ret = SYSCALL(proc, SYS_ioctl, file->fd, FBIOPUT_VSCREENINFO, var);
	expect(ret, fits ? 0 : -EINVAL);
	if (!fits)
		return;
	device_xres = xres;
	device_yres = yres;
	device_yres_virtual = virtual;
}

/*
 * Operations on mappings
 */

/* mm's own answers come first, then those of fbdev and of deferred I/O. */
static long mmap_result(const struct file *file, int prot, bool shared, size_t pgoff, size_t n)
{
	const struct gen *g = file->gen;

	if (file->access == O_WRONLY ||
	    (shared && (prot & PROT_WRITE) && file->access == O_RDONLY))
		return -EACCES;
	if (!g->live)
		return -ENODEV;
	if (g->contiguous && (pgoff + n > npages_of(g) || (!shared && (prot & PROT_WRITE))))
		return -EINVAL;

	return 0;
}

/* What bringing pages in without an access does */
static void populate(struct page *page, bool certain)
{
	if (page->gen->contiguous)
		return;
	if (certain && page->prot && reach(page, false) == OK) {
		touch(page, !page->shared && (page->prot & PROT_WRITE), true);
		return;
	}
	/* An error before this page may have ended it. */
	if (page->touched == NO)
		page->touched = MAYBE;
	if (!page->shared && !page->copy)
		page->unsure = true;
}

static void populate_range(struct proc *proc, size_t index, size_t n)
{
	bool certain = true;
	size_t i;

	for (i = 0; i < n; i++) {
		struct page *page = &proc->pages[index + i];

		certain = certain && page->gen && page->prot && reach(page, false) == OK;
		if (page->gen)
			populate(page, certain);
	}
}

/* Returns the place in the arena, or -1 if it is refused as it has to be. */
static long map_file(struct proc *proc, const struct file *file, int prot, bool shared,
		     size_t pgoff, size_t n, bool with_populate)
{
	size_t i, place = pick_place(proc, n);
	long ret;

	ret = SYSCALL(proc, SYS_mmap, address(place), n * page_size, prot,
		      (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED |
		      (with_populate ? MAP_POPULATE : 0), file->fd, pgoff * page_size);
	expect(ret, mmap_result(file, prot, shared, pgoff, n));
	/* A driver's mmap() can fail when the old mapping is gone already. */
	if (ret < 0 && ret != -EACCES) {
		SYSCALL(proc, SYS_munmap, address(place), n * page_size);
		for (i = 0; i < n; i++)
			unmap_page(&proc->pages[place + i]);
	}
	if (ret < 0)
		return -1;
	last_vma++;
	for (i = 0; i < n; i++) {
		struct page *page = &proc->pages[place + i];

		unmap_page(page);
		page->gen = file->gen;
		page->vma = last_vma;
		page->pgoff = pgoff + i;
		page->prot = prot;
		page->shared = shared && file->access == O_RDWR;
		page->may_write = shared ? page->shared : !file->gen->contiguous;
	}
	if (with_populate)
		populate_range(proc, place, n);

	return place;
}

static void do_mmap(int prot, bool shared, size_t pgoff, size_t n, bool with_populate)
{
	struct proc *proc = pick_proc();
	struct file *file = pick_file(proc);

	if (!file)
		return;
	if (!n) {
		/* All, or a part of it; with luck, more than there is */
		pgoff = pick(2) ? 0 : pick(file->gen->npages);
		n = pick(2) ? file->gen->npages - pgoff : 1 + pick(file->gen->npages - pgoff);
		if (!pick(16))
			n++;
	}
	if (n > MAX_PAGES)
		n = MAX_PAGES;
	describe("process %zd, fd %d, %zu pages from %zu, prot %d, %s", proc - procs, file->fd,
		 n, pgoff, prot, shared ? "shared" : "private");
	map_file(proc, file, prot, shared, pgoff, n, with_populate);
}

static void op_mmap_shared(void)
{
	do_mmap(PROT_READ | PROT_WRITE, true, 0, 0, false);
}

static void op_mmap_private(void)
{
	do_mmap(pick(2) ? PROT_READ | PROT_WRITE : PROT_READ, false, 0, 0, false);
}

static void op_mmap_read_only(void)
{
	do_mmap(pick(4) ? PROT_READ : PROT_NONE, true, 0, 0, false);
}

static void op_mmap_populate(void)
{
	do_mmap(pick(3) ? PROT_READ | PROT_WRITE : PROT_READ, pick(2), 0, 0, true);
}

static void op_mmap_beyond(void)
{
	do_mmap(PROT_READ | PROT_WRITE, true, pick(MAX_PAGES), 1 + pick(MAX_PAGES), false);
}

static void op_munmap(void)
{
	struct proc *proc = pick_proc();
	size_t i, index, n = pick_range(proc, &index);

	if (!n)
		return;
	/* Some of the neighbours as well */
	if (!pick(4))
		n = 1 + pick(ARENA_PAGES - index);
	describe("process %zd, %zu pages at %zu", proc - procs, n, index);
	expect(SYSCALL(proc, SYS_munmap, address(index), n * page_size), 0);
	if (proc->pages[index].gen)
		split(proc, index, n);
	for (i = 0; i < n; i++)
		unmap_page(&proc->pages[index + i]);
}

static void op_mprotect(void)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
				     PROT_NONE };
	struct proc *proc = pick_proc();
	int prot = prots[pick(ARRAY_SIZE(prots))];
	size_t i, index, n = pick_range(proc, &index);
	bool refused;

	if (!n)
		return;
	describe("process %zd, %zu pages at %zu, prot %d", proc - procs, n, index, prot);
	refused = (prot & PROT_WRITE) && !proc->pages[index].may_write;
	expect(SYSCALL(proc, SYS_mprotect, address(index), n * page_size, prot),
	       refused ? -EACCES : 0);
	if (refused)
		return;
	if (proc->pages[index].prot != prot)
		split(proc, index, n);
	for (i = 0; i < n; i++)
		proc->pages[index + i].prot = prot;
}

static void op_mremap_move(void)
{
	struct proc *proc = pick_proc();
	struct page moved[ARENA_PAGES];
	size_t i, index, place, n = pick_range(proc, &index);
	long ret;

	if (!n)
		return;
	place = pick_place(proc, n);
	if (place < index + n && index < place + n)
		return;
	describe("process %zd, %zu pages from %zu to %zu", proc - procs, n, index, place);
	ret = SYSCALL(proc, SYS_mremap, address(index), n * page_size, n * page_size,
		      MREMAP_MAYMOVE | MREMAP_FIXED, address(place));
	if (ret != (long)address(place))
		fail("returned %ld", ret);
	split(proc, index, n);
	last_vma++;
	for (i = 0; i < n; i++) {
		moved[i] = proc->pages[index + i];
		moved[i].vma = last_vma;
		memset(&proc->pages[index + i], 0, sizeof(moved[i]));
	}
	for (i = 0; i < n; i++) {
		unmap_page(&proc->pages[place + i]);
		proc->pages[place + i] = moved[i];
	}
}

static void op_mremap_shrink(void)
{
	struct proc *proc = pick_proc();
	size_t i, index, left, n = pick_range(proc, &index);

	if (n < 2)
		return;
	left = 1 + pick(n - 1);
	describe("process %zd, %zu to %zu pages at %zu", proc - procs, n, left, index);
	expect(SYSCALL(proc, SYS_mremap, address(index), n * page_size, left * page_size, 0), 0);
	split(proc, index + left, n - left);
	for (i = left; i < n; i++)
		unmap_page(&proc->pages[index + i]);
}

static void op_mremap_grow(void)
{
	struct proc *proc = pick_proc();
	size_t index, n = pick_range(proc, &index);
	long ret;

	if (!n)
		return;
	describe("process %zd, %zu pages at %zu", proc - procs, n, index);
	ret = SYSCALL(proc, SYS_mremap, address(index), n * page_size, (n + 1) * page_size,
		      MREMAP_MAYMOVE);
	if (ret != -EFAULT && ret != -EINVAL && ret != -ENOMEM)
		fail("returned %ld", ret);
}

static void drop(struct page *page)
{
	forget_copy(page);
	page->touched = NO;
}

static void op_madvise(void)
{
	/* Beside those that the kernels of today know, some that later ones may know */
	static const int advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, 8,
		MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
		22, 23, 24, 25, 102, 103, 104,
	};
	struct proc *proc = pick_proc();
	int advice = advices[pick(ARRAY_SIZE(advices))];
	size_t i, index, n;
	bool contiguous, private;
	long ret;

	if (pick(2))
		advice = MADV_DONTNEED;
	n = pick_range(proc, &index);
	if (!n)
		return;
	contiguous = proc->pages[index].gen->contiguous;
	private = !proc->pages[index].shared;
	describe("process %zd, %zu pages at %zu, advice %d", proc - procs, n, index, advice);
	ret = SYSCALL(proc, SYS_madvise, address(index), n * page_size, advice);
	switch (advice) {
	case MADV_DONTNEED:
	case 24: /* MADV_DONTNEED_LOCKED */
		expect(ret, contiguous ? -EINVAL : 0);
		for (i = 0; i < n && !ret; i++)
			drop(&proc->pages[index + i]);
		return;
	case MADV_DONTFORK:
	case MADV_DOFORK:
		/* Newer kernels refuse the second one. */
		if (ret != -EINVAL || advice != MADV_DOFORK)
			expect(ret, 0);
		for (i = 0; i < n && !ret; i++)
			proc->pages[index + i].dont_fork = advice == MADV_DONTFORK;
		break;
	case 22: /* MADV_POPULATE_READ */
	case 23: /* MADV_POPULATE_WRITE */
		if (contiguous && !ret)
			fail("succeeded");
		for (i = 0; i < n && !contiguous; i++) {
			struct page *page = &proc->pages[index + i];

			if (!ret)
				touch(page, advice == 23, true);
			else if (page->touched == NO)
				page->touched = MAYBE;
			if (ret && private && !page->copy)
				page->unsure = true;
		}
		return;
	case 21: /* MADV_PAGEOUT */
	case 20: /* MADV_COLD */
		for (i = 0; i < n; i++) {
			if (proc->pages[index + i].touched == YES)
				proc->pages[index + i].touched = MAYBE;
		}
		return;
	}
	/* The rest changes at most flags of the VMA. */
	split(proc, index, n);
}

static void op_mlock(void)
{
	struct proc *proc = pick_proc();
	size_t index, n = pick_range(proc, &index);

	if (!n)
		return;
	describe("process %zd, %zu pages at %zu", proc - procs, n, index);
	SYSCALL(proc, SYS_mlock, address(index), n * page_size);
	split(proc, index, n);
	populate_range(proc, index, n);
}

static void op_munlock(void)
{
	struct proc *proc = pick_proc();
	size_t index, n = pick_range(proc, &index);

	if (!n)
		return;
	describe("process %zd, %zu pages at %zu", proc - procs, n, index);
	expect(SYSCALL(proc, SYS_munlock, address(index), n * page_size), 0);
	split(proc, index, n);
}

static void op_msync(void)
{
	struct proc *proc = pick_proc();
	int flags = pick(3) ? MS_SYNC : MS_ASYNC;
	size_t index, n = pick_range(proc, &index);

	if (!n)
		return;
	describe("process %zd, %zu pages at %zu", proc - procs, n, index);
	expect(SYSCALL(proc, SYS_msync, address(index), n * page_size, flags), 0);
	if (flags == MS_SYNC && proc->pages[index].shared && proc->pages[index].gen->live)
		check_panel();
}

/*
 * Accesses
 */

static void op_store(void)
{
	struct proc *proc = pick_proc();
	size_t n = 1 + pick(8), offset = pick(page_size - n);
	long index = pick_page(proc);

	if (index < 0)
		return;
	describe("process %zd, %zu bytes at %ld+%zu", proc - procs, n, index, offset);
	store(proc, index, 1, offset, n, pick_byte());
}

/* As a program that redraws its window */
static void op_store_many(void)
{
	struct proc *proc = pick_proc();
	size_t index, n = pick_range(proc, &index), offset = pick(page_size - 1);

	if (!n)
		return;
	describe("process %zd, %zu pages at %zu", proc - procs, n, index);
	store(proc, index, n, offset, 1, pick_byte());
}

static void op_load(void)
{
	struct proc *proc = pick_proc();
	size_t n = pick(4) ? 1 + pick(64) : page_size;
	size_t offset = pick(page_size - n + 1);
	long index = pick_page(proc);

	if (index < 0)
		return;
	describe("process %zd, %zu bytes at %ld+%zu", proc - procs, n, index, offset);
	load(proc, index, offset, n);
}

/* read() of a file into a mapping: the kernel writes to it. */
static void do_file_read(bool direct)
{
	struct proc *proc = pick_proc();
	size_t n = 512, offset = 512 * pick(8), where = 512 * pick(8);
	char *path = (char *)slot_of(proc)->buf;
	enum outcome want;
	struct page *page;
	long fd, ret, index = pick_page(proc);

	if (index < 0 || !with_fs)
		return;
	page = &proc->pages[index];
	describe("process %zd, page %ld", proc - procs, index);
	memcpy(path, DIRECT_FILE, sizeof(DIRECT_FILE));
	fd = SYSCALL(proc, SYS_open, path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0), 0);
	expect(fd, 0);
	ret = SYSCALL(proc, SYS_pread64, fd, address(index) + offset, n, where);
	want = outcome(page, true);
	/* There are no pages to get; a file system may do without them. */
	if (direct && want == OK && page->gen->contiguous)
		want = OK_OR_BUS;
	if (check_result(ret, n, want, -EFAULT)) {
		touch(page, true, want == OK);
		if (direct)
			wrote_pinned(page, offset, file_model + where, n);
		else
			wrote(page, offset, file_model + where, n);
	} else if (want == OK_OR_BUS) {
		touch(page, true, false);
	}
	expect(SYSCALL(proc, SYS_close, fd), 0);
}

static void op_direct_read(void)
{
	do_file_read(true);
}

static void op_file_read(void)
{
	do_file_read(false);
}

/* write() of a mapping to a file: the kernel reads it. */
static void op_direct_write(void)
{
	struct proc *proc = pick_proc();
	size_t n = 512, offset = 512 * pick(8), where = 512 * pick(8);
	char *path = (char *)slot_of(proc)->buf;
	uint8_t *back = (uint8_t *)(((uintptr_t)path + n - 1) & ~(n - 1)); /* aligned */
	enum outcome want;
	struct page *page;
	long fd, ret, index = pick_page(proc);

	if (index < 0 || !with_fs || frozen)
		return;
	page = &proc->pages[index];
	describe("process %zd, page %ld", proc - procs, index);
	memcpy(path, DIRECT_FILE, sizeof(DIRECT_FILE));
	fd = SYSCALL(proc, SYS_open, path, O_RDWR | O_CLOEXEC | O_DIRECT, 0);
	expect(fd, 0);
	ret = SYSCALL(proc, SYS_pwrite64, fd, address(index) + offset, n, where);
	want = outcome(page, false);
	if (want == OK && page->gen->contiguous)
		want = OK_OR_BUS;
	if (want == OK || want == OK_OR_BUS)
		touch(page, false, want == OK);
	if (check_result(ret, n, want, -EFAULT)) {
		ret = SYSCALL(proc, SYS_pread64, fd, back, n, where);
		if (ret != (long)n)
			fail("the file cannot be read: %ld", ret);
		check_bytes(page, offset, back, n);
		memcpy(file_model + where, back, n);
	}
	expect(SYSCALL(proc, SYS_close, fd), 0);
}

static void op_vmsplice(void)
{
	struct proc *proc = pick_proc();
	struct slot *slot = slot_of(proc);
	bool unmap = pick(2);
	enum outcome want;
	struct page *page;
	long index = pick_page(proc);

	if (index < 0)
		return;
	page = &proc->pages[index];
	describe("process %zd, page %ld", proc - procs, index);
	slot->args[0] = (long)address(index);
	slot->args[1] = page_size;
	slot->args[2] = unmap;
	start(proc, CMD_VMSPLICE);
	finish(proc);
	want = outcome(page, false);
	if (want == OK && page->gen->contiguous)
		want = BUS;
	if (want == OK || want == OK_OR_BUS)
		touch(page, false, want == OK);
	if (check_result(slot->ret, page_size, want, -EFAULT))
		check_bytes(page, 0, slot->buf, page_size);
	if (!unmap)
		return;
	/* Whether it has been or not, from now on it is. */
	expect(SYSCALL(proc, SYS_munmap, address(index), page_size), 0);
	if (page->gen)
		split(proc, index, 1);
	unmap_page(page);
}

static void do_process_vm(bool write)
{
	struct proc *proc = pick_proc();
	size_t n = 1 + pick(64), offset = pick(page_size - n);
	uint8_t buf[64];
	struct iovec local = { buf, n }, remote;
	enum outcome want;
	struct page *page;
	long ret, index = pick_page(proc);

	if (index < 0)
		return;
	page = &proc->pages[index];
	describe("process %zd, %zu bytes at %ld+%zu", proc - procs, n, index, offset);
	remote.iov_base = address(index) + offset;
	remote.iov_len = n;
	memset(buf, pick_byte(), n);
	ret = write ? process_vm_writev(proc->pid, &local, 1, &remote, 1, 0) :
		      process_vm_readv(proc->pid, &local, 1, &remote, 1, 0);
	if (ret < 0)
		ret = -errno;
	want = outcome(page, write);
	if (want == OK && page->gen->contiguous)
		want = BUS;
	if (want == OK || want == OK_OR_BUS)
		touch(page, write, want == OK);
	if (!check_result(ret, n, want, -EFAULT))
		return;
	if (write)
		wrote_pinned(page, offset, buf, n);
	else
		check_bytes(page, offset, buf, n);
}

static void op_process_vm_readv(void)
{
	do_process_vm(false);
}

static void op_process_vm_writev(void)
{
	do_process_vm(true);
}

/* Debuggers overrule the protection of a mapping, where that cannot be seen elsewhere. */
static enum outcome forced(const struct page *page, bool write)
{
	if (!page->gen)
		return SEGV;
	if (page->gen->contiguous) {
		if (write && !(page->prot & PROT_WRITE))
			return SEGV;
		return page->gen->live && page->pgoff < npages_of(page->gen) ? OK : BUS;
	}
	if (write && !(page->prot & PROT_WRITE) && (page->shared || !page->may_write))
		return SEGV;

	return reach(page, write);
}

static void do_forced(bool write, bool trace)
{
	struct proc *proc = pick_proc();
	size_t n = trace ? sizeof(long) : 1 + pick(64);
	size_t offset = pick(page_size - n) & ~(sizeof(long) - 1);
	long ret, word, index = pick_page(proc);
	uint8_t buf[64], *addr;
	enum outcome want;
	struct page *page;
	char path[32];
	int fd, status;

	if (index < 0)
		return;
	page = &proc->pages[index];
	addr = address(index) + offset;
	describe("process %zd, %zu bytes at %ld+%zu", proc - procs, n, index, offset);
	memset(buf, pick_byte(), n);
	memcpy(&word, buf, sizeof(word));
	errno = 0;
	if (trace) {
		if (ptrace(PTRACE_SEIZE, proc->pid, 0, 0) ||
		    ptrace(PTRACE_INTERRUPT, proc->pid, 0, 0) ||
		    waitpid(proc->pid, &status, 0) != proc->pid)
			fail("ptrace() does not attach: %s", strerror(errno));
		errno = 0;
		ret = ptrace(write ? PTRACE_POKEDATA : PTRACE_PEEKDATA, proc->pid, addr, word);
		if (!write)
			memcpy(buf, &ret, sizeof(ret));
		ret = errno ? -EIO : (long)n;
		if (ptrace(PTRACE_DETACH, proc->pid, 0, 0))
			fail("ptrace() does not detach: %s", strerror(errno));
	} else {
		snprintf(path, sizeof(path), "/proc/%d/mem", proc->pid);
		fd = open(path, O_RDWR | O_CLOEXEC);
		ret = write ? pwrite(fd, buf, n, (off_t)addr) : pread(fd, buf, n, (off_t)addr);
		if (ret < 0)
			ret = -EIO;
		close(fd);
	}
	want = forced(page, write);
	/* Newer kernels have /proc/PID/mem do so for debuggers only. */
	if (want == OK && !trace && outcome(page, write) == SEGV && !page->gen->contiguous)
		want = OK_OR_BUS;
	if ((want == OK || want == OK_OR_BUS) && !page->gen->contiguous)
		touch(page, write, want == OK);
	if (!check_result(ret, n, want, -EIO))
		return;
	if (write)
		wrote_pinned(page, offset, buf, n);
	else
		check_bytes(page, offset, buf, n);
}

static void op_proc_mem_read(void)
{
	do_forced(false, false);
}

static void op_proc_mem_write(void)
{
	do_forced(true, false);
}

static void op_ptrace_peek(void)
{
	do_forced(false, true);
}

static void op_ptrace_poke(void)
{
	do_forced(true, true);
}

/*
 * Operations on processes
 */

static size_t nprocs(void)
{
	size_t i, n = 0;

	for (i = 0; i < NPROCS; i++)
		n += !!procs[i].pid;

	return n;
}

static void forget_proc(struct proc *proc)
{
	size_t i;

	for (i = 0; i < ARENA_PAGES; i++)
		unmap_page(&proc->pages[i]);
	for (i = 0; i < NFDS; i++)
		proc->files[i].fd = -1;
}

static void start_proc(struct proc *proc)
{
	fflush(stdout);
	slot_of(proc)->told = 0;
	slot_of(proc)->replied = 0;
	proc->pid = fork();
	if (proc->pid < 0)
		fail("fork() fails: %s", strerror(errno));
	if (!proc->pid) {
		if (press)
			munmap(press, PRESS_SIZE);
		close(panel_fd);
		worker(proc - procs, false);
	}
	finish(proc);
}

static void op_fork(void)
{
	struct proc *parent = pick_proc(), *child = pick_no_proc();
	size_t i;

	if (!child)
		return;
	describe("process %zd to %zd", parent - procs, child - procs);
	slot_of(child)->told = 0;
	slot_of(child)->replied = 0;
	slot_of(parent)->args[0] = child - procs;
	start(parent, CMD_FORK);
	finish(parent);
	expect(slot_of(parent)->ret, 0);
	child->pid = slot_of(parent)->ret;
	memcpy(child->files, parent->files, sizeof(child->files));
	for (i = 0; i < ARENA_PAGES; i++) {
		struct page *page = &child->pages[i];

		if (parent->pages[i].dont_fork)
			continue;
		*page = parent->pages[i];
		if (page->copy) {
			page->copy = NULL;
			page->gen = parent->pages[i].gen;
			page->copy = malloc(page_size);
			if (!page->copy)
				fail("no memory");
			memcpy(page->copy, parent->pages[i].copy, page_size);
		}
		/* PTEs are copied where page faults cannot bring them back. */
		if (page->gen && !page->gen->contiguous) {
			if (page->shared)
				page->touched = NO;
			else if (page->touched == YES)
				page->touched = MAYBE;
		}
	}
}

static void op_exit(void)
{
	struct proc *proc = pick_proc();

	if (nprocs() < 2)
		return;
	describe("process %zd", proc - procs);
	start(proc, CMD_EXIT);
	ended(proc);
	forget_proc(proc);
}

static void op_kill(void)
{
	struct proc *proc = pick_proc();

	if (nprocs() < 2)
		return;
	describe("process %zd", proc - procs);
	kill(proc->pid, SIGKILL);
	ended(proc);
	forget_proc(proc);
}

static void op_exec(void)
{
	struct proc *proc = pick_proc();
	size_t i;

	describe("process %zd", proc - procs);
	start(proc, CMD_EXEC);
	finish(proc);
	for (i = 0; i < ARENA_PAGES; i++)
		unmap_page(&proc->pages[i]);
	for (i = 0; i < NFDS; i++) {
		if (proc->files[i].cloexec)
			proc->files[i].fd = -1;
	}
}

/*
 * Operations on the device
 */

static void op_unbind(void)
{
	if (!gen)
		return;
	describe("%s", mock.name);
	expect(mock_unbind(&mock), 0);
	device_gone();
	/* Cleanup has shown everything. */
	check_panel();
	take_memory();
}

static void op_bind(void)
{
	if (gen || !mock.name[0])
		return;
	set_frozen(false);
	describe("%s", mock.name);
	expect(mock_bind(&mock), 0);
	device_xres = 16;
	device_yres = 8;
	device_yres_virtual = 32;
	new_gen();
}

static void op_delete(void)
{
	if (!mock.name[0])
		return;
	describe("%s", mock.name);
	delete_device();
}

static void op_create(void)
{
	if (mock.name[0])
		return;
	set_frozen(false);
	create_device();
}

/*
 * Cleanup, other memory, init, with files open and mapped. Page-backed mappings keep
 * the pages that are mapped, so nothing may be: such drivers do not replace memory.
 */
static void op_restart(void)
{
	size_t i, j, n, npages = 2 + pick(MAX_PAGES - 2), len, old;
	int ret;

	if (!gen)
		return;
	len = npages * page_size - 4 * pick(2) * (1 + pick(900));
	describe("%zu to %zu bytes", gen->len, len);
	for (i = 0; i < NPROCS && !gen->contiguous; i++) {
		for (j = 0; j < ARENA_PAGES; j += n ? n : 1) {
			for (n = 0; j + n < ARENA_PAGES && procs[i].pages[j + n].gen == gen; n++)
				drop(&procs[i].pages[j + n]);
			if (n)
				expect(SYSCALL(&procs[i], SYS_madvise, address(j), n * page_size,
					       MADV_DONTNEED), 0);
		}
	}
	ret = mock_restart(&mock, len);
	/* The mode does not fit, and deferred I/O is stopped. */
	if ((size_t)device_xres * device_yres_virtual * 4 > len) {
		expect(ret, -EINVAL);
		expect(mock_restart(&mock, gen->len), 0);
		len = gen->len;
	} else {
		expect(ret, 0);
	}
	old = gen->len < len ? gen->len : len;
	memset(gen->mem + old, 0, MAX_PAGES * page_size - old);
	gen->len = len;
	gen->npages = (len + page_size - 1) / page_size;
	take_memory();
	check_panel();
}

static void op_freeze(void)
{
	if (!with_fs)
		return;
	describe("%s", frozen ? "thaw" : "freeze");
	set_frozen(!frozen);
}

static void op_panel_slow(void)
{
	unsigned int ms = pick(2) ? 0 : 1 + pick(5);

	if (!gen)
		return;
	describe("%u ms", ms);
	expect(mock_write_number(&mock, "panel_ms", ms), 0);
}

/* A panel that has refused pages must be drawn again when it works again. */
static void op_panel_fail(void)
{
	size_t done;
	ssize_t ret;
	int fd;

	/* While it does, there is nothing to compare: not for long. */
	if (!gen || (!panel_fails && pick(6)))
		return;
	describe("%s", panel_fails ? "no more" : "from now on");
	expect(mock_write_number(&mock, "panel_error", !panel_fails), 0);
	panel_fails = !panel_fails;
	if (panel_fails)
		return;
	fd = conductor_open();
	for (done = 0; done < gen->len; done += ret) {
		ret = pwrite(fd, gen->mem + done, gen->len - done, done);
		if (ret <= 0)
			fail("the framebuffer cannot be written");
	}
	expect(fsync(fd), 0);
	close(fd);
	check_panel();
}

/* What is written while the driver's callback runs comes with the next one. */
static void op_hold(void)
{
	struct proc *flusher = pick_proc(), *writer = pick_proc();
	struct file *file = live_file(flusher, O_RDWR);
	struct slot *slot = slot_of(flusher);
	size_t index, n = pick_range(writer, &index), offset = pick(page_size - 1);

	if (!file || writer == flusher || !n)
		return;
	describe("process %zd flushes, %zd writes", flusher - procs, writer - procs);
	expect(mock_hold(&mock, true), 0);
	slot->buf[0] = pick_byte();
	if (SYSCALL(flusher, SYS_pwrite64, file->fd, slot->buf, 1, 0) != 1)
		fail("the framebuffer cannot be written");
	gen->mem[0] = slot->buf[0];
	slot->args[0] = SYS_fsync;
	slot->args[1] = file->fd;
	start(flusher, CMD_SYSCALL);
	expect(mock_wait_held(&mock), 0);
	store(writer, index, n, offset, 1, pick_byte());
	expect(mock_hold(&mock, false), 0);
	finish(flusher);
	expect(slot->ret, 0);
	expect(SYSCALL(flusher, SYS_fsync, file->fd), 0);
	check_panel();
}

/* A range of pages that can be written, and is shown */
static size_t pick_shown(struct proc *proc, size_t *index)
{
	size_t first, n, from = pick(ARENA_PAGES), i;

	for (i = 0; i < ARENA_PAGES; i++) {
		first = (from + i) % ARENA_PAGES;
		for (n = 0; first + n < ARENA_PAGES && n < MAX_PAGES; n++) {
			const struct page *page = &proc->pages[first + n];

			if (!page->gen || page->gen != gen || !page->shared ||
			    outcome(page, true) != OK || page->vma != proc->pages[first].vma)
				break;
		}
		if (n) {
			*index = first;
			return n;
		}
	}

	return 0;
}

/* A program maps all and draws it again and again: the screen is busy from then on. */
static void op_redraw(void)
{
	struct proc *proc = pick_proc();
	struct file *file = live_file(proc, O_RDWR);
	size_t times = 2 + pick(2);
	long index;

	if (!file || gen->npages < BUSY_PAGES)
		return;
	describe("process %zd, %zu times", proc - procs, times);
	index = map_file(proc, file, PROT_READ | PROT_WRITE, true, 0, gen->npages, false);
	while (times--) {
		store(proc, index, gen->npages, pick(page_size - 1), 1, pick_byte());
		expect(SYSCALL(proc, SYS_fsync, file->fd), 0);
		check_panel();
	}
}

/*
 * All processes at once, each with bytes of its own. Which stores were made is
 * known in any case, so the result is, although the order is not.
 */
static void do_at_once(bool unbind)
{
	size_t i, page, index[NPROCS], n[NPROCS] = {}, working = 0;
	unsigned long rounds = unbind ? 20 + pick(200) : 1 + pick(12), done;
	struct file *file;
	int fd, tries;

	if (!gen)
		return;
	for (i = 0; i < NPROCS; i++) {
		if (!procs[i].pid)
			continue;
		n[i] = pick_shown(&procs[i], &index[i]);
		working += !!n[i];
	}
	if (!working)
		return;
	describe("%zu processes, %lu rounds", working, rounds);
	fd = conductor_open();
	for (i = 0; i < NPROCS; i++) {
		struct slot *slot = &SHARED->slots[i];

		if (!n[i])
			continue;
		file = live_file(&procs[i], -1);
		slot->args[0] = (long)address(index[i]);
		slot->args[1] = n[i];
		slot->args[2] = i + NPROCS * pick(1000);
		slot->args[3] = rounds;
		slot->args[4] = pick(file ? 5 : 4);
		slot->args[5] = file ? file->fd : -1;
		slot->done = 0;
		start(&procs[i], CMD_HAMMER);
	}
	if (unbind) {
		close(fd);
		expect(mock_unbind(&mock), 0);
	} else {
		for (tries = 0; tries < 3; tries++)
			expect(fsync(fd), 0);
	}
	for (i = 0; i < NPROCS; i++) {
		struct slot *slot = &SHARED->slots[i];

		if (!n[i])
			continue;
		finish(&procs[i]);
		done = slot->done;
		if (slot->sig && (!unbind || slot->sig != SIGBUS))
			fail("process %zu has got signal %d", i, slot->sig);
		if (!slot->sig && done != rounds * n[i])
			fail("process %zu has done %lu", i, done);
		nstores += done;
		for (page = 0; page < n[i]; page++) {
			struct page *p = &procs[i].pages[index[i] + page];
			unsigned long times = (done + n[i] - 1 - page) / n[i];

			if (times)
				p->gen->mem[p->pgoff * page_size + slot->args[2]] =
					1 + (times - 1) % (OWN_MAX - 1);
			p->touched = unbind ? MAYBE : YES;
		}
		/* Splits by mprotect() are not undone, those by mremap() are new. */
		split(&procs[i], index[i], n[i]);
		/*
		 * A signal may have come while something was to be undone. That depends
		 * on the clock, and what comes next must not.
		 */
		if (unbind) {
			SYSCALL(&procs[i], SYS_munmap, address(index[i]), n[i] * page_size);
			SYSCALL(&procs[i], SYS_munmap,
				address(ARENA_PAGES + i * MAX_PAGES), MAX_PAGES * page_size);
			for (page = 0; page < n[i]; page++)
				unmap_page(&procs[i].pages[index[i] + page]);
		}
	}
	if (unbind) {
		device_gone();
		check_panel();
		take_memory();
		return;
	}
	expect(fsync(fd), 0);
	close(fd);
	check_panel();
}

static void op_at_once(void)
{
	do_at_once(false);
}

static void op_unbind_at_once(void)
{
	do_at_once(true);
}

static struct op {
	const char *name;
	void (*run)(void);
	unsigned int weight;
	unsigned long count;
} ops[] = {
	{ "open", op_open, 20 },
	{ "open_node", op_open_node, 12 },
	{ "close", op_close, 10 },
	{ "pass_fd", op_pass_fd, 5 },
	{ "mmap_shared", op_mmap_shared, 34 },
	{ "mmap_private", op_mmap_private, 8 },
	{ "mmap_read_only", op_mmap_read_only, 8 },
	{ "mmap_populate", op_mmap_populate, 6 },
	{ "mmap_beyond", op_mmap_beyond, 3 },
	{ "munmap", op_munmap, 12 },
	{ "mprotect", op_mprotect, 16 },
	{ "mremap_move", op_mremap_move, 8 },
	{ "mremap_shrink", op_mremap_shrink, 3 },
	{ "mremap_grow", op_mremap_grow, 2 },
	{ "madvise", op_madvise, 16 },
	{ "mlock", op_mlock, 3 },
	{ "munlock", op_munlock, 2 },
	{ "msync", op_msync, 5 },
	{ "store", op_store, 90 },
	{ "store_many", op_store_many, 50 },
	{ "redraw", op_redraw, 16 },
	{ "load", op_load, 70 },
	{ "write", op_write, 12 },
	{ "read", op_read, 12 },
	{ "fsync", op_fsync, 36 },
	{ "pan", op_pan, 6 },
	{ "mode", op_mode, 4 },
	{ "direct_read", op_direct_read, 8 },
	{ "direct_write", op_direct_write, 5 },
	{ "file_read", op_file_read, 5 },
	{ "vmsplice", op_vmsplice, 6 },
	{ "process_vm_readv", op_process_vm_readv, 6 },
	{ "process_vm_writev", op_process_vm_writev, 10 },
	{ "proc_mem_read", op_proc_mem_read, 5 },
	{ "proc_mem_write", op_proc_mem_write, 6 },
	{ "ptrace_peek", op_ptrace_peek, 3 },
	{ "ptrace_poke", op_ptrace_poke, 3 },
	{ "fork", op_fork, 8 },
	{ "exit", op_exit, 2 },
	{ "kill", op_kill, 2 },
	{ "exec", op_exec, 1 },
	{ "unbind", op_unbind, 2 },
	{ "unbind_at_once", op_unbind_at_once, 4 },
	{ "bind", op_bind, 30 },
	{ "delete", op_delete, 1 },
	{ "create", op_create, 30 },
	{ "restart", op_restart, 2 },
	{ "freeze", op_freeze, 4 },
	{ "panel_slow", op_panel_slow, 3 },
	{ "panel_fail", op_panel_fail, 12 },
	{ "hold", op_hold, 12 },
	{ "at_once", op_at_once, 14 },
};

static void print_counts(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		printf("# count %s %lu\n", ops[i].name, ops[i].count);
	printf("# fuzz: seed %llu operations %lu stores %lu comparisons %lu rounds %lu\n",
	       (unsigned long long)seed, op_number, nstores, nchecks, nrounds);
}

static void one_op(void)
{
	unsigned int total = 0, n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		total += ops[i].weight;
	counting = false;
	while (!counting) {
		n = pick(total);
		for (i = 0; n >= ops[i].weight; i++)
			n -= ops[i].weight;
		op_name = ops[i].name;
		op_text[0] = '\0';
		ops[i].run();
	}
	ops[i].count++;
}

/* A device and processes, random operations, and an end in one of several orders */
static void one_round(void)
{
	unsigned long left = 200 + pick(400);
	size_t i, j, n = 1 + pick(3);
	bool first = pick(2), exits = pick(2);
	struct gen *g;

	create_device();
	for (i = 0; i < n; i++)
		start_proc(&procs[i]);
	while (left-- && op_number < nops) {
		op_number++;
		one_op();
	}

	op_name = "end of round";
	op_text[0] = '\0';
	set_frozen(false);
	sync_and_check();
	check_victims();
	for (i = 0; i < NPROCS; i++) {
		for (j = 0; procs[i].pid && j < ARENA_PAGES; j++) {
			if (procs[i].pages[j].gen)
				load(&procs[i], j, 0, page_size);
		}
	}
	if (mock.name[0] && first)
		delete_device();
	for (i = 0; i < NPROCS; i++) {
		if (!procs[i].pid)
			continue;
		if (exits)
			start(&procs[i], CMD_EXIT);
		else
			kill(procs[i].pid, SIGKILL);
		ended(&procs[i]);
		forget_proc(&procs[i]);
	}
	if (mock.name[0]) {
		if (mock_stat(&mock, "users"))
			fail("%lld files are open", mock_stat(&mock, "users"));
		delete_device();
	}
	take_memory();
	while ((g = gens)) {
		gens = g->next;
		free(g->mem);
		free(g);
	}
	nrounds++;
	if (mock_kmsg_splats(kmsg))
		fail("the kernel complains");
}

/*
 * Setup
 */

static void map_shared(void)
{
	if (mmap(SHARED, sizeof(*SHARED), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 SHARED_FD, 0) != SHARED)
		give_up("no memory to share: %s", strerror(errno));
}

static void setup_processes(void)
{
	struct sigaction sa = { .sa_handler = alarm_handler, .sa_flags = SA_RESTART };
	struct itimerval second = { { 1, 0 }, { 1, 0 } };
	int i, fds[2], fd = memfd_create("fb_defio_fuzz", 0);

	if (fd < 0 || ftruncate(fd, sizeof(*SHARED)) || dup2(fd, SHARED_FD) < 0)
		give_up("no memory to share: %s", strerror(errno));
	close(fd);
	map_shared();
	for (i = 0; i < NPROCS; i++)
		forget_proc(&procs[i]);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
	with_sockets = !socketpair(AF_UNIX, SOCK_DGRAM, 0, fds);
	if (!with_sockets)
		return;
	if (dup2(fds[0], SOCKET_FD) < 0 || dup2(fds[1], SOCKET_FD + 1) < 0)
		give_up("dup2() fails: %s", strerror(errno));
	close(fds[0]);
	close(fds[1]);
}

/* A file system that can be frozen and knows direct I/O, on a RAM disk that nobody uses */
static bool make_fs(void)
{
	int status, fd = open(RAMDISK, O_RDWR | O_EXCL | O_CLOEXEC);
	pid_t pid;
	size_t i;

	if (fd < 0)
		return false;
	close(fd);
	pid = fork();
	if (!pid) {
		fd = open("/dev/null", O_RDWR);
		dup2(fd, 1);
		dup2(fd, 2);
		execlp("mke2fs", "mke2fs", "-F", RAMDISK, "2048", NULL);
		_exit(1);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		return false;
	mkdir(MOUNT, 0700);
	if (mount(RAMDISK, MOUNT, "ext2", 0, NULL))
		return false;
	for (i = 0; i < FILE_SIZE; i++)
		file_model[i] = pick_byte();
	fd = open(DIRECT_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, file_model, FILE_SIZE) != FILE_SIZE || fsync(fd))
		give_up("%s cannot be written: %s", DIRECT_FILE, strerror(errno));
	close(fd);

	return true;
}

static unsigned long parse_number(const char *text, const char *what)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || !*text || *end || *text == '-')
		give_up("%s '%s' is no number", what, text);

	return value;
}

static void parse(int argc, char **argv)
{
	size_t i;
	int c;

	while ((c = getopt(argc, argv, "s:o:m:vw:")) != -1) {
		switch (c) {
		case 's':
			seed = parse_number(optarg, "seed");
			break;
		case 'o':
			nops = parse_number(optarg, "number of operations");
			break;
		case 'm':
			for (i = 0; i < ARRAY_SIZE(mem_names) && strcmp(optarg, mem_names[i]); i++)
				;
			if (i == ARRAY_SIZE(mem_names))
				give_up("there is no memory '%s'", optarg);
			only_mem = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case 'w':
			map_shared();
			worker(parse_number(optarg, "process"), false);
		default:
			give_up("usage: fb_defio_fuzz [-s SEED] [-o OPERATIONS] [-m MEMORY] [-v]");
		}
	}
	if (optind < argc || !nops)
		give_up("usage: fb_defio_fuzz [-s SEED] [-o OPERATIONS] [-m MEMORY] [-v]");
}

int main(int argc, char **argv)
{
	bool all = true, quiet;
	size_t i;

	page_size = sysconf(_SC_PAGESIZE);
	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv);
	printf("TAP version 13\n1..3\n");
	if (!mock_is_available())
		give_up("needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");
	kmsg = mock_kmsg_open();
	panel = malloc(MAX_PAGES * page_size);
	if (kmsg < 0 || !panel || page_size > sizeof(SHARED->slots[0].buf) / BUF_PAGES)
		give_up("cannot run on this machine");
	state = seed;
	use_cpu(0);
	printf("# seed %llu, %lu operations, %s\n", (unsigned long long)seed, nops,
	       only_mem ? only_mem : "all kinds of memory");
	setup_processes();
	with_fs = make_fs();

	while (op_number < nops)
		one_round();

	print_counts();
	printf("ok 1 - framebuffer, panel and processes are as the model says\n");
	for (i = 0; i < ARRAY_SIZE(ops) && nops >= 20000; i++) {
		if (!ops[i].count)
			printf("# no %s\n", ops[i].name);
		all = all && ops[i].count;
	}
	printf("%s 2 - each kind of operation ran\n", all ? "ok" : "not ok");
	quiet = !mock_kmsg_splats(kmsg);
	printf("%s 3 - the kernel does not complain\n", quiet ? "ok" : "not ok");
	if (with_fs && umount(MOUNT))
		give_up("%s cannot be unmounted: %s", MOUNT, strerror(errno));

	return all && quiet ? 0 : 1;
}
