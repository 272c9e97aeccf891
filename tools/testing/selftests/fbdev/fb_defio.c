// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of fbdev's deferred I/O that need a process: what user space sees of a
 * framebuffer whose first writes are tracked by page faults.
 *
 * They run on mock devices (CONFIG_FB_DEFIO_MOCK), which need no hardware. The
 * oracle of most of them: once writers have stopped and fsync() has returned,
 * the panel equals the framebuffer, byte for byte. The devices have a delay of an
 * hour where the test itself has to say when pages are flushed.
 *
 * "Contiguous" is memory that the driver owns as a whole (FBINFO_KMEMFB),
 * "page-backed" is memory in which each page has a reference count of its own.
 *
 * A test also fails if the kernel complains in its log meanwhile. These cases
 * show bugs of kernels that lack contiguous framebuffers. Run each one after a
 * boot of its own with "-r <name>": the first bug can leave a kernel that does
 * not survive the second, and some complaints are rate-limited.
 *
 *  fb_defio.alloc_pages.map_write_unmap
 *	pages of the framebuffer go to the page allocator at munmap()
 *  fb_defio.alloc_pages.map_again_under_pressure
 *	and are mapped again when somebody else has them
 *  fb_defio_unbind.alloc_pages_remove.unbind_mapped
 *	mappings outlive the memory
 *  fb_defio_unbind.vmalloc_remove.close_after_unbind
 *	close() uses what the driver has freed (needs KASAN to be seen)
 *  fb_defio_unbind.vmalloc_remove.unbind_write_load
 *	the worker is queued again behind the cleanup
 *  fb_defio.vmalloc.two_nodes
 *	writes through one of two device nodes are lost
 *  fb_defio.vmalloc.unlinked_node
 *	the address space of a node that is gone is used (needs KASAN to be seen)
 *  fb_defio_panel.vmalloc.open_fails
 *	a file that was not opened counts as open
 *  fb_defio.vmalloc.read_only_pages
 *	pages that were read, not written, are freed in a bad state
 *  fb_defio.vmalloc.times
 *	drawing writes to the file system that the device node is on
 *  fb_defio.vmalloc.replaced_memory
 *	a page of an earlier mode is expected to be the one of this mode
 */

#include <linux/fb.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../kselftest_harness.h"
#include "mock.h"

#define NPAGES		16UL

/* The last page is a partial one; the tests use its first bytes. */
#define TAIL		100UL

#define FB_MAJOR	29

#define PRESSURE	(16UL << 20)

static size_t page_size;

#define EXPECT_ERRNO(err, expr) do { \
	errno = 0; \
	EXPECT_EQ(-1, (long)(expr)); \
	EXPECT_EQ(err, errno); \
} while (0)

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* One byte is enough to make a page dirty; the oracle compares all of them. */
static void put(uint8_t *map, size_t page, uint8_t val)
{
	__atomic_store_n(&map[page * page_size + 5], val, __ATOMIC_SEQ_CST);
}

static uint8_t get(const uint8_t *map, size_t page)
{
	return __atomic_load_n(&map[page * page_size + 5], __ATOMIC_SEQ_CST);
}

/*
 * A dry run on other memory brings in the code, so that the counted run takes no
 * faults for it.
 */
static long faults_of_writes(uint8_t *map, size_t npages, uint8_t val)
{
	long before = mock_faults();
	size_t i;

	for (i = 0; i < npages; i++)
		put(map, i, val);

	return mock_faults() - before;
}

static long faults_of_reads(const uint8_t *map, size_t npages)
{
	long before = mock_faults();
	size_t i;

	for (i = 0; i < npages; i++)
		(void)get(map, i);

	return mock_faults() - before;
}

static void *map_fb(int fd, int prot, size_t npages)
{
	return mmap(NULL, npages * page_size, prot, MAP_SHARED, fd, 0);
}

/* Opens a private, already unlinked device node. */
static int open_other_node(const struct mock *mock, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/fb_defio_test.%d", getpid());
	if (mknod(path, S_IFCHR | 0600, makedev(FB_MAJOR, mock_node(mock))))
		return -errno;
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	unlink(path);

	return fd;
}

/* Forks a child that does not outlive a test that fails early. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);

	return pid;
}

/* One process waits until another has done something. */
struct gate {
	int fds[2];
};

static int gate_init(struct gate *gate)
{
	return pipe(gate->fds);
}

static void gate_open(struct gate *gate)
{
	if (write(gate->fds[1], "", 1) != 1)
		_exit(1);
}

static void gate_wait(struct gate *gate)
{
	char c;

	if (read(gate->fds[0], &c, 1) != 1)
		_exit(1);
}

/*
 * Bound device, each kind of memory
 */

FIXTURE(fb_defio)
{
	struct mock mock;
	size_t len;	/* of the framebuffer in bytes */
	int kmsg;
	int fd;
	uint8_t *map;	/* all of it, shared and writable; nothing touched */
};

FIXTURE_VARIANT(fb_defio)
{
	const char *mem;
	bool contiguous;
};

FIXTURE_VARIANT_ADD(fb_defio, vmalloc) { .mem = "vmalloc" };
FIXTURE_VARIANT_ADD(fb_defio, get_page) { .mem = "get_page" };
FIXTURE_VARIANT_ADD(fb_defio, alloc_pages) { .mem = "alloc_pages", .contiguous = true };
FIXTURE_VARIANT_ADD(fb_defio, free_pages) { .mem = "free_pages", .contiguous = true };
FIXTURE_VARIANT_ADD(fb_defio, kmalloc) { .mem = "kmalloc", .contiguous = true };
FIXTURE_VARIANT_ADD(fb_defio, dma_pages) { .mem = "dma_pages", .contiguous = true };

FIXTURE_SETUP(fb_defio)
{
	page_size = sysconf(_SC_PAGESIZE);
	mock_probe_init();
	self->map = MAP_FAILED;
	self->fd = -1;

	if (!mock_is_available())
		SKIP(return, "needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");

	self->kmsg = mock_kmsg_open();
	ASSERT_LE(0, self->kmsg);
	self->len = (NPAGES - 1) * page_size + TAIL;
	ASSERT_EQ(0, mock_create(&self->mock,
				 "mem=%s len=%zu max_len=%zu xres=8 yres=8 delay_ms=3600000",
				 variant->mem, self->len, 2 * NPAGES * page_size));
	self->fd = mock_open(&self->mock, O_RDWR);
	ASSERT_LE(0, self->fd);
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(fb_defio)
{
	EXPECT_EQ(0, mock_stat(&self->mock, "bad_pages"));
	EXPECT_EQ(0, mock_stat(&self->mock, "concurrent"));
	if (self->map != MAP_FAILED)
		EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, mock_stat(&self->mock, "users"));
	EXPECT_EQ(0, mock_delete(&self->mock));
	EXPECT_EQ(0, mock_kmsg_splats(self->kmsg));
}

#define EXPECT_FLUSHED() do { \
	EXPECT_EQ(0, fsync(self->fd)); \
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len)); \
} while (0)

/* The panel gets exactly the pages that were written, each one once. */
TEST_F(fb_defio, write_is_tracked)
{
	size_t i;

	for (i = 0; i < NPAGES; i++)
		put(self->map, i, i + 1);
	EXPECT_FLUSHED();
	EXPECT_EQ(NPAGES, mock_stat(&self->mock, "pages"));

	put(self->map, 3, 0x33);
	put(self->map, 3, 0x34);
	EXPECT_FLUSHED();
	EXPECT_EQ(NPAGES + 1, mock_stat(&self->mock, "pages"));

	/* Nothing is dirty, nothing is sent. */
	EXPECT_FLUSHED();
	EXPECT_EQ(NPAGES + 1, mock_stat(&self->mock, "pages"));
}

/* Pages that are read, not written, are not sent to the panel. */
TEST_F(fb_defio, read_is_not_tracked)
{
	faults_of_writes(self->map, NPAGES, 1);
	EXPECT_FLUSHED();
	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, self->map);

	EXPECT_EQ(NPAGES, faults_of_reads(self->map, NPAGES));
	EXPECT_EQ(0, faults_of_reads(self->map, NPAGES));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(NPAGES, mock_stat(&self->mock, "pages"));
}

/*
 * A first write costs one fault, of a page that is not mapped and of one that
 * is mapped read-only; a write to a dirty page costs none.
 */
TEST_F(fb_defio, first_write_faults)
{
	uint8_t *anon;

	anon = mmap(NULL, NPAGES * page_size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, anon);
	faults_of_reads(anon, NPAGES);
	faults_of_writes(anon, NPAGES, 1);

	EXPECT_EQ(NPAGES, faults_of_writes(self->map, NPAGES, 1));
	EXPECT_EQ(0, faults_of_writes(self->map, NPAGES, 2));
	EXPECT_FLUSHED();
	EXPECT_EQ(NPAGES, faults_of_writes(self->map, NPAGES, 3));
	EXPECT_FLUSHED();

	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_EQ(NPAGES, faults_of_reads(self->map, NPAGES));
	EXPECT_EQ(NPAGES, faults_of_writes(self->map, NPAGES, 4));
	EXPECT_FLUSHED();
	munmap(anon, NPAGES * page_size);
}

/*
 * Pages of contiguous memory are not reference counted. It still belongs to the
 * driver after it was mapped, written and unmapped: nobody else who allocates
 * memory gets a part of it.
 */
TEST_F(fb_defio, map_write_unmap)
{
	size_t i;
	void *mem;

	for (i = 0; i < NPAGES; i++)
		put(self->map, i, i + 1);
	EXPECT_FLUSHED();
	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->map = MAP_FAILED;

	mem = mock_press_memory(PRESSURE);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
	EXPECT_EQ(0, munmap(mem, PRESSURE));
}

/* Repeatedly, while somebody else uses the free memory. */
TEST_F(fb_defio, map_again_under_pressure)
{
	int round;
	size_t i;
	void *mem;

	for (round = 0; round < 4; round++) {
		EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
		mem = mock_press_memory(PRESSURE / 4);
		ASSERT_NE(MAP_FAILED, mem);
		self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
		ASSERT_NE(MAP_FAILED, self->map);
		for (i = 0; i < NPAGES; i++)
			put(self->map, i, round * NPAGES + i + 1);
		EXPECT_FLUSHED();
		for (i = 0; i < NPAGES; i++)
			EXPECT_EQ((uint8_t)(round * NPAGES + i + 1), get(self->map, i));
		EXPECT_EQ(0, munmap(mem, PRESSURE / 4));
	}
}

/*
 * Teardown of pages that were mapped and never written: what the core has noted
 * in them has to be undone as well before they are freed.
 */
TEST_F(fb_defio, read_only_pages)
{
	size_t i;

	for (i = 0; i < NPAGES; i++)
		EXPECT_EQ(0, get(self->map, i));
	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->map = MAP_FAILED;
	/* The teardown frees them, and looks at the kernel's log. */
}

/*
 * Two processes: a flush write-protects the PTEs of both. Where fork() copies
 * PTEs, those of the child are writable and clean, which no other PTE of a
 * framebuffer ever is.
 */
TEST_F(fb_defio, fork_both_tracked)
{
	struct gate to_child, to_parent;
	int status;
	pid_t pid;

	ASSERT_EQ(0, gate_init(&to_child));
	ASSERT_EQ(0, gate_init(&to_parent));
	put(self->map, 0, 1); /* a writable PTE to be forked */
	put(self->map, 3, 1); /* one that the child leaves clean */

	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		put(self->map, 0, 2);
		put(self->map, 1, 2);
		gate_open(&to_parent);
		gate_wait(&to_child);
		put(self->map, 0, 4);
		put(self->map, 2, 4);
		put(self->map, 3, 4);
		gate_open(&to_parent);
		gate_wait(&to_child);
		_exit(0);
	}

	gate_wait(&to_parent);
	put(self->map, 1, 3);
	EXPECT_FLUSHED();
	EXPECT_EQ(3, mock_stat(&self->mock, "pages"));

	gate_open(&to_child);
	gate_wait(&to_parent);
	EXPECT_FLUSHED();
	EXPECT_EQ(6, mock_stat(&self->mock, "pages"));

	/* Both write the same page: it is on the list once. */
	put(self->map, 2, 5);
	EXPECT_FLUSHED();
	EXPECT_EQ(7, mock_stat(&self->mock, "pages"));

	gate_open(&to_child);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);

	put(self->map, 0, 6);
	EXPECT_FLUSHED();
	EXPECT_EQ(8, mock_stat(&self->mock, "pages"));
}

/* PTEs that have moved to another address. */
TEST_F(fb_defio, mremap_move)
{
	uint8_t *to, *moved;

	put(self->map, 0, 1);
	to = mmap(NULL, NPAGES * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, to);
	moved = mremap(self->map, NPAGES * page_size, NPAGES * page_size,
		       MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ(to, moved);
	self->map = moved;

	put(self->map, 0, 2);
	put(self->map, 1, 2);
	EXPECT_FLUSHED();
	EXPECT_EQ(2, mock_stat(&self->mock, "pages"));
	put(self->map, 0, 3);
	put(self->map, 2, 3);
	EXPECT_FLUSHED();
	EXPECT_EQ(4, mock_stat(&self->mock, "pages"));
}

/* VM_DONTEXPAND: a mapping must not outgrow what mmap() has checked. */
TEST_F(fb_defio, mremap_grow_refused)
{
	uint8_t *map;

	map = map_fb(self->fd, PROT_READ | PROT_WRITE, 2);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_ERRNO(EFAULT, mremap(map, 2 * page_size, 4 * page_size, MREMAP_MAYMOVE));
	/* Zero as the old size would make a second mapping. */
	EXPECT_ERRNO(EFAULT, mremap(map, 0, 2 * page_size, MREMAP_MAYMOVE));
	put(map, 1, 1);
	EXPECT_FLUSHED();

	/* Shrinking is all right. */
	EXPECT_EQ(map, mremap(map, 2 * page_size, page_size, MREMAP_MAYMOVE));
	put(map, 0, 2);
	EXPECT_FLUSHED();
	EXPECT_EQ(2, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(0, munmap(map, page_size));
}

/* Dirty pages survive the end of their mapping, and the rest stays tracked. */
TEST_F(fb_defio, munmap_part)
{
	size_t i;

	for (i = 0; i < NPAGES; i++)
		put(self->map, i, 1);
	EXPECT_EQ(0, munmap(self->map + 4 * page_size, 4 * page_size));
	EXPECT_FLUSHED();
	EXPECT_EQ(NPAGES, mock_stat(&self->mock, "pages"));

	for (i = 0; i < NPAGES; i++) {
		if (i < 4 || i >= 8)
			put(self->map, i, 2);
	}
	EXPECT_FLUSHED();
	EXPECT_EQ(2 * NPAGES - 4, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(SIGSEGV, mock_probe_write(self->map + 5 * page_size, 1));
}

/*
 * A read-only PTE is clean. mprotect() makes a dirty shared PTE writable again
 * without a fault, and the write would go unnoticed.
 */
TEST_F(fb_defio, mprotect_flush_between)
{
	size_t len = NPAGES * page_size;

	put(self->map, 0, 1);
	put(self->map, 1, 1);
	EXPECT_EQ(0, mprotect(self->map, len, PROT_READ));
	EXPECT_FLUSHED();
	EXPECT_EQ(0, mprotect(self->map, len, PROT_READ | PROT_WRITE));
	put(self->map, 0, 2);
	EXPECT_FLUSHED();
	EXPECT_EQ(3, mock_stat(&self->mock, "pages"));

	/* The other way round: flushed first, then made read-only. */
	put(self->map, 0, 3);
	EXPECT_FLUSHED();
	EXPECT_EQ(0, mprotect(self->map, len, PROT_READ));
	EXPECT_EQ(0, mprotect(self->map, len, PROT_READ | PROT_WRITE));
	put(self->map, 0, 4);
	EXPECT_FLUSHED();
	EXPECT_EQ(5, mock_stat(&self->mock, "pages"));
}

TEST_F(fb_defio, mprotect_no_flush)
{
	size_t len = NPAGES * page_size;

	put(self->map, 0, 1);
	EXPECT_EQ(0, mprotect(self->map, len, PROT_READ));
	EXPECT_EQ(SIGSEGV, mock_probe_write(self->map, 2));
	EXPECT_EQ(0, mprotect(self->map, len, PROT_READ | PROT_WRITE));
	put(self->map, 0, 3);
	EXPECT_FLUSHED();
	EXPECT_EQ(1, mock_stat(&self->mock, "pages"));
	put(self->map, 0, 4);
	EXPECT_FLUSHED();
	EXPECT_EQ(2, mock_stat(&self->mock, "pages"));
}

/*
 * A shared mapping of a file that is open for reading only has no VM_SHARED. It
 * is neither a private mapping nor the end of the walk over the mappings of the
 * framebuffer: those that come after it are write-protected at each flush.
 */
TEST_F(fb_defio, read_only_open_first)
{
	uint8_t *ro, *rw;
	size_t i;
	int fd, round;

	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->map = MAP_FAILED;

	fd = mock_open(&self->mock, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_ERRNO(EACCES, map_fb(fd, PROT_READ | PROT_WRITE, NPAGES));
	ro = map_fb(fd, PROT_READ, NPAGES);
	ASSERT_NE(MAP_FAILED, ro);
	for (i = 0; i < NPAGES; i++)
		EXPECT_EQ(0, get(ro, i));
	EXPECT_ERRNO(EACCES, mprotect(ro, NPAGES * page_size, PROT_READ | PROT_WRITE));

	rw = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, rw);
	for (round = 1; round <= 3; round++) {
		for (i = 0; i < NPAGES; i++)
			put(rw, i, round);
		EXPECT_FLUSHED();
		EXPECT_EQ(round * NPAGES, mock_stat(&self->mock, "pages"));
		for (i = 0; i < NPAGES; i++)
			EXPECT_EQ(round, get(ro, i));
	}
	EXPECT_EQ(SIGSEGV, mock_probe_write(ro, 1));

	EXPECT_EQ(0, munmap(rw, NPAGES * page_size));
	EXPECT_EQ(0, munmap(ro, NPAGES * page_size));
	EXPECT_EQ(0, close(fd));
}

/* mm cannot copy a page on write that it does not know as a page. */
TEST_F(fb_defio, private_mapping)
{
	size_t len = NPAGES * page_size;
	uint8_t *map;
	int fd;

	if (variant->contiguous) {
		EXPECT_ERRNO(EINVAL, mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE,
					  self->fd, 0));
		fd = mock_open(&self->mock, O_RDONLY);
		ASSERT_LE(0, fd);
		EXPECT_ERRNO(EINVAL, mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
		EXPECT_EQ(0, close(fd));
		return;
	}

	/* A copy: what is written to it does not get to the panel. */
	put(self->map, 0, 7);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	put(map, 0, 1);
	EXPECT_FLUSHED();
	EXPECT_EQ(1, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(7, get(self->map, 0));
	EXPECT_EQ(0, munmap(map, len));
}

/*
 * Screen grabbers map read-only, shared or private. They see the framebuffer, and
 * a mapping of contiguous memory cannot be made a copy.
 */
TEST_F(fb_defio, private_read_only)
{
	size_t i, len = NPAGES * page_size;
	int fd, mem, round;
	char byte = 0x66;
	uint8_t *map;

	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, mem);
	for (round = 1; round <= 2; round++) {
		fd = mock_open(&self->mock, round == 1 ? O_RDWR : O_RDONLY);
		ASSERT_LE(0, fd);
		map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_EQ(0, close(fd));

		for (i = 0; i < NPAGES; i++) {
			(void)get(map, i);
			put(self->map, i, round * NPAGES + i);
		}
		EXPECT_FLUSHED();
		EXPECT_EQ(round * NPAGES, mock_stat(&self->mock, "pages"));
		for (i = 0; i < NPAGES; i++)
			EXPECT_EQ(round * NPAGES + i, get(map, i));

		EXPECT_EQ(SIGSEGV, mock_probe_write(map, 1));
		if (variant->contiguous) {
			EXPECT_ERRNO(EACCES, mprotect(map, len, PROT_READ | PROT_WRITE));
			EXPECT_ERRNO(EACCES, mprotect(map, page_size, PROT_WRITE));
			EXPECT_EQ(SIGSEGV, mock_probe_write(map, 1));
			/* Debuggers get a copy where mm can make one. */
			EXPECT_ERRNO(EIO, pwrite(mem, &byte, 1, (off_t)map));
		}
		EXPECT_EQ(0, munmap(map, len));
		EXPECT_FLUSHED();
		EXPECT_EQ(round * NPAGES, mock_stat(&self->mock, "pages"));
	}
	EXPECT_EQ(0, close(mem));
}

/* Writes are tracked whichever node the file was opened through. */
TEST_F(fb_defio, two_nodes)
{
	char path[64];
	uint8_t *map;
	int fd;

	snprintf(path, sizeof(path), "/dev/fb_defio_test.%d", getpid());
	ASSERT_EQ(0, mknod(path, S_IFCHR | 0600, makedev(FB_MAJOR, mock_node(&self->mock))));
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd) {
		unlink(path);
	}
	map = map_fb(fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, map) {
		unlink(path);
	}

	put(self->map, 0, 1);
	put(map, 0, 2);
	put(map, 1, 2);
	EXPECT_FLUSHED();
	put(self->map, 0, 3);
	put(self->map, 1, 3);
	EXPECT_FLUSHED();
	put(map, 0, 4);
	put(map, 2, 4);
	EXPECT_FLUSHED();
	EXPECT_EQ(6, mock_stat(&self->mock, "pages"));

	/* The node goes, the mapping stays, and so does the other one. */
	EXPECT_EQ(0, unlink(path));
	EXPECT_EQ(0, close(fd));
	put(map, 0, 5);
	put(self->map, 2, 5);
	EXPECT_FLUSHED();
	EXPECT_EQ(8, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(0, munmap(map, NPAGES * page_size));
	put(self->map, 0, 6);
	EXPECT_FLUSHED();
	EXPECT_EQ(9, mock_stat(&self->mock, "pages"));
}

/*
 * The address space that deferred I/O uses must not belong to a device node,
 * because the node that was opened last can be gone for good. Older kernels took
 * it from the latest open, or from the latest fault on a page.
 */
TEST_F(fb_defio, unlinked_node)
{
	uint8_t *map;
	int fd;

	(void)get(self->map, 0);
	fd = open_other_node(&self->mock, O_RDWR);
	ASSERT_LE(0, fd);
	map = map_fb(fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, map);
	(void)get(map, 0);
	EXPECT_EQ(0, munmap(map, NPAGES * page_size));
	EXPECT_EQ(0, close(fd));
	/* RCU frees the inode some time after that. */
	usleep(300000);

	put(self->map, 1, 1);
	EXPECT_FLUSHED();
	put(self->map, 0, 2);
	EXPECT_FLUSHED();
	put(self->map, 0, 3);
	put(self->map, 1, 3);
	EXPECT_FLUSHED();
	EXPECT_EQ(4, mock_stat(&self->mock, "pages"));
}

/* A mapping ends with the page that holds the last byte. */
TEST_F(fb_defio, bounds)
{
	int prot = PROT_READ | PROT_WRITE;
	off_t end = NPAGES * page_size;
	uint8_t *map;

	map = mmap(NULL, page_size, prot, MAP_SHARED, self->fd, end - page_size);
	ASSERT_NE(MAP_FAILED, map);
	map[TAIL - 1] = 1;
	EXPECT_FLUSHED();
	EXPECT_EQ(0, munmap(map, page_size));

	if (variant->contiguous) {
		EXPECT_ERRNO(EINVAL, mmap(NULL, end + page_size, prot, MAP_SHARED,
					  self->fd, 0));
		EXPECT_ERRNO(EINVAL, mmap(NULL, 2 * page_size, prot, MAP_SHARED, self->fd,
					  end - page_size));
		EXPECT_ERRNO(EINVAL, mmap(NULL, page_size, prot, MAP_SHARED, self->fd, end));
		/* The largest offsets that mm lets through. */
		EXPECT_ERRNO(EINVAL, mmap(NULL, 2 * page_size, prot, MAP_SHARED, self->fd,
					  -3 * (off_t)page_size));
		EXPECT_ERRNO(EINVAL, mmap(NULL, page_size, prot, MAP_SHARED, self->fd,
					  -2 * (off_t)page_size));
		return;
	}

	map = mmap(NULL, 2 * page_size, prot, MAP_SHARED, self->fd, end - page_size);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, mock_probe_write(map, 2));
	EXPECT_EQ(SIGBUS, mock_probe_read(map + page_size));
	EXPECT_EQ(SIGBUS, mock_probe_write(map + page_size, 3));
	EXPECT_FLUSHED();
	EXPECT_EQ(0, munmap(map, 2 * page_size));
}

/* Offsets into the file and into the mapping are not the same thing. */
TEST_F(fb_defio, map_middle)
{
	uint8_t *map;
	size_t i;

	map = mmap(NULL, 3 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		   5 * page_size);
	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < 3; i++)
		put(map, i, i + 1);
	EXPECT_FLUSHED();
	EXPECT_EQ(3, mock_stat(&self->mock, "pages"));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(i + 1, get(self->map, 5 + i));
		put(map, i, i + 4);
		put(self->map, 5 + i, i + 8);
	}
	EXPECT_FLUSHED();
	EXPECT_EQ(6, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(0, munmap(map, 3 * page_size));
}

/* What a debugger does; the core has to do it where there are no pages. */
TEST_F(fb_defio, proc_mem)
{
	char out[64], in[64];
	uint8_t *map;
	int fd;

	fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	memset(out, 0x42, sizeof(out));
	put(self->map, 0, 7);

	/* Across a page boundary, on pages that are not mapped yet. */
	EXPECT_EQ(64, pwrite(fd, out, 64, (off_t)(self->map + 3 * page_size - 32)));
	EXPECT_FLUSHED();
	EXPECT_EQ(3, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(64, pread(fd, in, 64, (off_t)(self->map + 3 * page_size - 32)));
	EXPECT_EQ(0, memcmp(in, out, 64));

	/* And it does not make the page writable for the process behind our back. */
	put(self->map, 3, 0x43);
	EXPECT_FLUSHED();
	EXPECT_EQ(4, mock_stat(&self->mock, "pages"));

	/* It ends with the mapping, not with the framebuffer. */
	EXPECT_EQ(0, munmap(self->map + 4 * page_size, 2 * page_size));
	map = self->map + 4 * page_size;
	EXPECT_EQ(16, pread(fd, in, 64, (off_t)(map - 16)));
	EXPECT_EQ(16, pwrite(fd, out, 64, (off_t)(map - 16)));
	EXPECT_FLUSHED();

	/* A read-only mapping can be read, not written, by anyone. */
	EXPECT_EQ(0, mprotect(self->map, page_size, PROT_READ));
	EXPECT_ERRNO(EIO, pwrite(fd, out, 64, (off_t)self->map));
	EXPECT_EQ(64, pread(fd, in, 64, (off_t)self->map));
	EXPECT_EQ(7, get(self->map, 0));

	EXPECT_EQ(0, mock_unbind(&self->mock));
	if (variant->contiguous)
		EXPECT_ERRNO(EIO, pread(fd, in, 64, (off_t)self->map));
	EXPECT_ERRNO(EIO, pwrite(fd, out, 64, (off_t)(self->map + 8 * page_size)));
	EXPECT_EQ(0, close(fd));
}

/* The same with the memory of another process, which has a mapping of its own. */
TEST_F(fb_defio, proc_mem_other)
{
	struct gate to_child, to_parent;
	char out[64], in[64], path[64];
	uint8_t **addr;
	int fd, status;
	off_t pos;
	pid_t pid;

	addr = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, addr);
	ASSERT_EQ(0, gate_init(&to_child));
	ASSERT_EQ(0, gate_init(&to_parent));

	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		munmap(self->map, NPAGES * page_size);
		*addr = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
		if (*addr != MAP_FAILED)
			put(*addr, 5, 1);
		gate_open(&to_parent);
		gate_wait(&to_child);
		/* What the parent has written did not make it writable here. */
		put(*addr, 3, 0x43);
		gate_open(&to_parent);
		gate_wait(&to_child);
		_exit(0);
	}

	gate_wait(&to_parent);
	ASSERT_NE(MAP_FAILED, *addr);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	memset(out, 0x42, sizeof(out));

	/* Two pages that the child has not touched, and one that it has. */
	pos = (off_t)(*addr + 3 * page_size - 32);
	EXPECT_EQ(64, pwrite(fd, out, 64, pos));
	EXPECT_EQ(64, pwrite(fd, out, 64, (off_t)(*addr + 5 * page_size)));
	EXPECT_FLUSHED();
	EXPECT_EQ(3, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(64, pread(fd, in, 64, pos));
	EXPECT_EQ(0, memcmp(in, out, 64));
	EXPECT_EQ(0, memcmp(self->map + 3 * page_size - 32, out, 64));
	EXPECT_EQ(0x42, get(self->map, 5));

	gate_open(&to_child);
	gate_wait(&to_parent);
	EXPECT_FLUSHED();
	EXPECT_EQ(4, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(1, pread(fd, in, 1, (off_t)(*addr + 3 * page_size + 5)));
	EXPECT_EQ(0x43, in[0]);

	gate_open(&to_child);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, pread(fd, in, 64, pos)); /* its memory is gone */
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, munmap(addr, page_size));
}

/* Nobody can pin pages of a contiguous framebuffer. */
TEST_F(fb_defio, process_vm_readv)
{
	char buf[64];
	struct iovec local = { buf, sizeof(buf) }, remote = { self->map, sizeof(buf) };

	put(self->map, 0, 7);
	if (variant->contiguous) {
		EXPECT_ERRNO(EFAULT, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	} else {
		EXPECT_EQ(64, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
		EXPECT_EQ(7, buf[5]);
	}
	EXPECT_FLUSHED();
}

/* Dropping PTEs from user space: refused, or without loss. */
TEST_F(fb_defio, madvise_dontneed)
{
	size_t len = NPAGES * page_size;

	put(self->map, 0, 1);
	if (variant->contiguous)
		EXPECT_ERRNO(EINVAL, madvise(self->map, len, MADV_DONTNEED));
	else
		EXPECT_EQ(0, madvise(self->map, len, MADV_DONTNEED));
	EXPECT_EQ(1, get(self->map, 0));
	put(self->map, 0, 2);
	EXPECT_FLUSHED();
	EXPECT_EQ(1, mock_stat(&self->mock, "pages"));
}

/* write() has no page faults; the driver notes what it touches. */
TEST_F(fb_defio, write_syscall)
{
	char buf[100];

	memset(buf, 0x21, sizeof(buf));
	EXPECT_EQ(100, pwrite(self->fd, buf, sizeof(buf), 2 * page_size - 50));
	EXPECT_FLUSHED();
	EXPECT_EQ(0, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(1, mock_stat(&self->mock, "empty"));

	/* Both ways at once. */
	put(self->map, 7, 1);
	EXPECT_EQ(100, pwrite(self->fd, buf, sizeof(buf), 4 * page_size));
	EXPECT_FLUSHED();
	EXPECT_EQ(1, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(2, mock_stat(&self->mock, "flushes"));
}

/* The last close() waits for what was written; nobody has called fsync(). */
TEST_F(fb_defio, last_close_flushes)
{
	int fd;

	put(self->map, 0, 1);
	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->map = MAP_FAILED;
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(1, mock_stat(&self->mock, "pages"));

	fd = mock_open(&self->mock, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, mock_panel_diff(&self->mock, fd, self->len));
	EXPECT_EQ(0, close(fd));
}

/* In whatever order files are closed, the last close flushes. */
TEST_F(fb_defio, last_of_many_close_flushes)
{
	static const int order[] = { 2, 0, 3, 1 };
	int fds[4], fd;
	size_t i;

	for (i = 0; i < 4; i++) {
		fds[i] = i % 2 ? open_other_node(&self->mock, O_RDWR) :
				 mock_open(&self->mock, O_RDONLY);
		ASSERT_LE(0, fds[i]);
	}
	put(self->map, 0, 1);
	put(self->map, 5, 1);
	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->map = MAP_FAILED;
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	fd = mock_open(&self->mock, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, close(fd));

	for (i = 0; i < 4; i++) {
		EXPECT_EQ(4 - i, mock_stat(&self->mock, "users"));
		EXPECT_EQ(0, mock_stat(&self->mock, "flushes"));
		EXPECT_EQ(0, close(fds[order[i]]));
	}
	EXPECT_EQ(1, mock_stat(&self->mock, "flushes"));
	EXPECT_EQ(2, mock_stat(&self->mock, "pages"));
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Drawing does not change the device node, which is on somebody's file system. */
TEST_F(fb_defio, times)
{
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	struct stat before, after;
	struct timespec now;
	size_t i;

	ASSERT_EQ(0, futimens(self->fd, old));
	ASSERT_EQ(0, fstat(self->fd, &before));
	/* The clock of the file system has advanced. */
	do {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (now.tv_sec == before.st_ctim.tv_sec &&
		 now.tv_nsec <= before.st_ctim.tv_nsec + 20000000);

	for (i = 0; i < NPAGES / 2; i++)
		(void)get(self->map, i);
	for (i = 0; i < NPAGES; i++)
		put(self->map, i, 1);
	EXPECT_FLUSHED();
	for (i = 0; i < NPAGES; i++)
		put(self->map, i, 2);
	EXPECT_FLUSHED();

	ASSERT_EQ(0, fstat(self->fd, &after));
	EXPECT_TRUE(same_time(&before.st_mtim, &after.st_mtim));
	EXPECT_TRUE(same_time(&before.st_ctim, &after.st_ctim));
}

/*
 * udlfb replaces its memory for a larger mode with deferred I/O running, and the
 * old memory stays until the device goes. Whatever was done to a page of it, the
 * new page can be drawn on, and so can a mapping of the old one.
 */
static void replaced_while_running(struct __test_metadata *_metadata,
				   struct _test_data_fb_defio *self)
{
	size_t i;

	/* Some pages are written and shown, some only read, others not shown yet. */
	for (i = 0; i < 6; i++)
		put(self->map, i, 1);
	EXPECT_FLUSHED();
	for (i = 6; i < 11; i++)
		EXPECT_EQ(0, get(self->map, i));
	for (i = 11; i < NPAGES; i++)
		put(self->map, i, 1);
	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->len = 2 * NPAGES * page_size;
	ASSERT_EQ(0, mock_realloc(&self->mock, self->len));
	EXPECT_FLUSHED();
	EXPECT_EQ(NPAGES - 5, mock_stat(&self->mock, "pages"));

	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, self->map);
	for (i = 0; i < NPAGES; i++) {
		EXPECT_EQ(i < 6 || i >= 11, get(self->map, i));
		ASSERT_EQ(0, mock_probe_write(self->map + i * page_size, 2));
	}
	EXPECT_FLUSHED();
	EXPECT_EQ(2 * NPAGES - 5, mock_stat(&self->mock, "pages"));

	/* The same with a mapping that stays. */
	for (i = 6; i < 11; i++)
		put(self->map, i, 3);
	ASSERT_EQ(0, mock_realloc(&self->mock, self->len));
	for (i = 0; i < NPAGES; i++) {
		EXPECT_EQ(0, mock_probe_read(self->map + i * page_size));
		ASSERT_EQ(0, mock_probe_write(self->map + i * page_size, 4));
	}
	EXPECT_FLUSHED();
	EXPECT_EQ(3 * NPAGES - 5, mock_stat(&self->mock, "pages"));
}

/*
 * Drivers stop deferred I/O for a mode and start it again, with files open and
 * mapped. Mappings of contiguous memory show what is in use now, and end where it
 * ends.
 */
static void replaced_while_stopped(struct __test_metadata *_metadata,
				   struct _test_data_fb_defio *self)
{
	static const size_t pages[] = { 2 * NPAGES, NPAGES / 2, NPAGES, 1, NPAGES };
	size_t i, n, round;
	uint8_t *map;
	char byte;

	map = map_fb(self->fd, PROT_READ, NPAGES);
	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < NPAGES; i++) {
		put(self->map, i, 1);
		EXPECT_EQ(1, get(map, i));
	}
	for (round = 0; round < ARRAY_SIZE(pages); round++) {
		n = pages[round] < NPAGES ? pages[round] : NPAGES;
		self->len = pages[round] * page_size;
		ASSERT_EQ(0, mock_restart(&self->mock, self->len));
		for (i = 0; i < n; i++) {
			byte = 0x20 + round;
			ASSERT_EQ(1, pwrite(self->fd, &byte, 1, i * page_size + 5));
			EXPECT_EQ(0x20 + round, get(map, i));
			put(self->map, i, 0x10 + round);
			EXPECT_EQ(0x10 + round, get(map, i));
		}
		for (i = n; i < NPAGES; i++) {
			EXPECT_EQ(SIGBUS, mock_probe_read(map + i * page_size));
			EXPECT_EQ(SIGBUS, mock_probe_write(self->map + i * page_size, 1));
		}
		EXPECT_FLUSHED();
		/* They are read-only by now, or this is not noticed. */
		for (i = 0; i < n; i++)
			put(self->map, i, 0x30 + round);
		EXPECT_FLUSHED();
		put(self->map, 0, 0x40 + round);
	}
	EXPECT_EQ(0, munmap(map, NPAGES * page_size));
}

TEST_F(fb_defio, replaced_memory)
{
	if (variant->contiguous)
		replaced_while_stopped(_metadata, self);
	else
		replaced_while_running(_metadata, self);
}

/* A mapping keeps the file open and goes on working without a descriptor. */
TEST_F(fb_defio, map_outlives_close)
{
	int fd;

	put(self->map, 0, 1);
	EXPECT_EQ(0, close(self->fd));
	fd = mock_open(&self->mock, O_RDWR);
	ASSERT_LE(0, fd);
	self->fd = fd;
	put(self->map, 0, 2);
	put(self->map, 1, 2);
	EXPECT_FLUSHED();
	put(self->map, 0, 3);
	EXPECT_FLUSHED();
	EXPECT_EQ(3, mock_stat(&self->mock, "pages"));
}

/*
 * Parameters of the device
 */

FIXTURE(fb_defio_panel)
{
	struct mock mock;
	size_t len;
	int kmsg;
	int fd;
	uint8_t *map;
};

FIXTURE_VARIANT(fb_defio_panel)
{
	const char *mem;
};

FIXTURE_VARIANT_ADD(fb_defio_panel, vmalloc) { .mem = "vmalloc" };
FIXTURE_VARIANT_ADD(fb_defio_panel, get_page) { .mem = "get_page" };
FIXTURE_VARIANT_ADD(fb_defio_panel, alloc_pages) { .mem = "alloc_pages" };
FIXTURE_VARIANT_ADD(fb_defio_panel, dma_pages) { .mem = "dma_pages" };

FIXTURE_SETUP(fb_defio_panel)
{
	page_size = sysconf(_SC_PAGESIZE);
	mock_probe_init();
	self->map = MAP_FAILED;
	self->fd = -1;
	self->len = (NPAGES - 1) * page_size + TAIL;

	if (!mock_is_available())
		SKIP(return, "needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");

	self->kmsg = mock_kmsg_open();
	ASSERT_LE(0, self->kmsg);
}

FIXTURE_TEARDOWN(fb_defio_panel)
{
	if (self->mock.name[0]) {
		EXPECT_EQ(0, mock_stat(&self->mock, "bad_pages"));
		EXPECT_EQ(0, mock_stat(&self->mock, "concurrent"));
	}
	if (self->map != MAP_FAILED)
		EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	if (self->mock.name[0])
		EXPECT_EQ(0, mock_delete(&self->mock));
	EXPECT_EQ(0, mock_kmsg_splats(self->kmsg));
}

#define SETUP_PANEL(__args) do { \
	ASSERT_EQ(0, mock_create(&self->mock, "mem=%s len=%zu " __args, variant->mem, \
				 self->len)); \
	self->fd = mock_open(&self->mock, O_RDWR); \
	ASSERT_LE(0, self->fd); \
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES); \
	ASSERT_NE(MAP_FAILED, self->map); \
} while (0)

struct writer {
	pthread_t thread;
	uint8_t *map;
	unsigned int id;
	unsigned int seed;
	bool reads;		/* reads instead */
	/* Ends at a signal, or by a flag if not NULL. */
	const atomic_bool *stop;
	int fd;			/* for fsync() */
	atomic_ulong done;
	int sig;		/* raised by the last access */
};

/* Random pages, and in each of them a place of its own. */
static void *writer_run(void *arg)
{
	struct writer *writer = arg;
	unsigned int i = 0;
	uint8_t *addr;

	do {
		addr = writer->map + rand_r(&writer->seed) % NPAGES * page_size + writer->id;
		if (writer->reads)
			writer->sig = mock_probe_read(addr);
		else
			writer->sig = mock_probe_write(addr, i++ % 0x80);
		if (writer->sig)
			break;
		atomic_fetch_add(&writer->done, 1);
	} while (!writer->stop || !atomic_load(writer->stop));

	return NULL;
}

#define NPROCS		3
#define NTHREADS	2

/* In a child: NTHREADS writers, the last one of them the process itself. */
static int writers_process(uint8_t *map, struct writer *writers, unsigned int nr,
			   atomic_bool *stop)
{
	unsigned int i;

	for (i = 0; i < NTHREADS; i++) {
		writers[i].map = map;
		writers[i].id = nr * NTHREADS + i;
		writers[i].seed = writers[i].id + 1;
		writers[i].stop = stop;
		if (i < NTHREADS - 1 &&
		    pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]))
			return 1;
	}
	writer_run(&writers[NTHREADS - 1]);
	for (i = 0; i < NTHREADS - 1; i++)
		pthread_join(writers[i].thread, NULL);
	for (i = 0; i < NTHREADS; i++) {
		if (writers[i].sig)
			return 1;
	}

	return 0;
}

/*
 * Calls fsync() all the time: for a while, and however slow the machine is, until each
 * of the writers has done a good deal meanwhile.
 */
static int fsync_for(int fd, unsigned int ms, struct writer *writers, unsigned int n)
{
	uint64_t until = now_ms() + ms;
	unsigned int i, ready;

	do {
		for (i = 0; i < 8; i++) {
			if (fsync(fd))
				return -errno;
		}
		for (ready = 0, i = 0; i < n; i++)
			ready += atomic_load(&writers[i].done) >= 200;
	} while (ready < n || now_ms() < until);

	return 0;
}

/* What several processes write to and look at. */
struct shared {
	atomic_bool stop;
	struct writer writers[NPROCS * NTHREADS];
};

static struct shared *shared_alloc(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return shared == MAP_FAILED ? NULL : shared;
}

/*
 * In a race: no write is lost between write-protection, the panel's copy and
 * the next fault, whoever flushes.
 */
TEST_F(fb_defio_panel, many_writers)
{
	struct shared *shared = shared_alloc();
	pid_t pids[NPROCS];
	int i, round, status;

	ASSERT_NE(NULL, shared);
	SETUP_PANEL("delay_ms=1");
	for (round = 0; round < 4; round++) {
		memset(shared, 0, sizeof(*shared));
		for (i = 0; i < NPROCS; i++) {
			pids[i] = fork_child();
			ASSERT_LE(0, pids[i]);
			if (!pids[i])
				_exit(writers_process(self->map, &shared->writers[i * NTHREADS],
						      i, &shared->stop));
		}
		EXPECT_EQ(0, fsync_for(self->fd, 200, shared->writers, NPROCS * NTHREADS));
		atomic_store(&shared->stop, true);
		for (i = 0; i < NPROCS; i++) {
			EXPECT_EQ(pids[i], waitpid(pids[i], &status, 0));
			EXPECT_EQ(0, status);
		}
		EXPECT_EQ(0, fsync(self->fd));
		EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
	}
}

/*
 * The same with a single page. When the race is lost, the page has a writable
 * PTE and is not on the list. Nothing repairs that here, as it would if a flush
 * included the page for another reason, so no write is seen any more.
 */
TEST_F(fb_defio_panel, one_page)
{
	struct shared *shared = shared_alloc();
	unsigned int i = 0;
	int status;
	pid_t pid;

	ASSERT_NE(NULL, shared);
	SETUP_PANEL("delay_ms=3600000");
	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		while (!atomic_load(&shared->stop)) {
			put(self->map, 0, i++);
			atomic_store_explicit(&shared->writers[0].done, i, memory_order_relaxed);
		}
		put(self->map, 0, ~get(self->map, 0));
		_exit(0);
	}
	EXPECT_EQ(0, fsync_for(self->fd, 700, shared->writers, 1));
	atomic_store(&shared->stop, true);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
}

/*
 * A callback that takes long: writes during it come with the next flush, and
 * fsync() waits for both.
 */
TEST_F(fb_defio_panel, slow_panel)
{
	atomic_bool stop = false;
	struct writer writer = {};
	long long before;
	uint64_t start;

	SETUP_PANEL("delay_ms=3600000 panel_ms=50");
	writer.map = self->map;
	writer.seed = 1;
	writer.stop = &stop;
	ASSERT_EQ(0, pthread_create(&writer.thread, NULL, writer_run, &writer));
	EXPECT_EQ(0, fsync_for(self->fd, 200, &writer, 1));
	atomic_store(&stop, true);
	ASSERT_EQ(0, pthread_join(writer.thread, NULL));
	EXPECT_EQ(0, writer.sig);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));

	before = mock_stat(&self->mock, "flushes");
	start = now_ms();
	put(self->map, 0, 0x77);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_LE(50, (long long)(now_ms() - start));
	EXPECT_EQ(before + 1, mock_stat(&self->mock, "flushes"));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
}

/*
 * A panel that never finishes: nobody waits for it, neither to write, whether or
 * not the page is being sent, nor to map, unmap or fork. All that was written
 * comes with the next list.
 */
TEST_F(fb_defio_panel, panel_stops_nobody)
{
	struct flusher flusher = {};
	uint8_t *map;
	int status;
	pid_t pid;

	SETUP_PANEL("delay_ms=3600000");
	put(self->map, 0, 1);
	put(self->map, 1, 1);
	(void)get(self->map, 2);
	flusher.fd = self->fd;
	ASSERT_EQ(0, mock_hold(&self->mock, true));
	ASSERT_EQ(0, pthread_create(&flusher.thread, NULL, flusher_run, &flusher));
	ASSERT_EQ(0, mock_wait_held(&self->mock));

	put(self->map, 0, 2);
	put(self->map, 2, 2);
	put(self->map, 3, 2);
	(void)get(self->map, 4);
	map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
	EXPECT_NE(MAP_FAILED, map);
	put(map, 0, 3);
	put(map, 5, 3);
	EXPECT_EQ(0, munmap(map, NPAGES * page_size));
	pid = fork_child();
	EXPECT_LE(0, pid);
	if (!pid) {
		put(self->map, 1, 4);
		put(self->map, 6, 4);
		_exit(0);
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);

	EXPECT_EQ(0, mock_stat(&self->mock, "flushes"));
	EXPECT_EQ(0, mock_hold(&self->mock, false));
	EXPECT_EQ(0, pthread_join(flusher.thread, NULL));
	EXPECT_EQ(0, flusher.err);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
	EXPECT_EQ(2 + 6, mock_stat(&self->mock, "pages"));
}

/* A panel that refuses everything does no harm to tracking and teardown. */
TEST_F(fb_defio_panel, failing_panel)
{
	int i;

	SETUP_PANEL("delay_ms=3600000 panel_error=1");
	for (i = 1; i <= 3; i++) {
		put(self->map, 0, i);
		put(self->map, 1, i);
		EXPECT_EQ(0, fsync(self->fd));
		EXPECT_EQ(i, mock_stat(&self->mock, "errors"));
		EXPECT_EQ(2 * i, mock_stat(&self->mock, "pages"));
	}
	EXPECT_EQ(2, mock_panel_diff(&self->mock, self->fd, self->len));
}

/* A program with two pictures draws one while the other is shown, and changes over. */
TEST_F(fb_defio_panel, pan_while_drawing)
{
	struct fb_var_screeninfo var = {};
	size_t page;
	int i;

	SETUP_PANEL("delay_ms=1 xres=64 yres=64 yres_virtual=128");
	ASSERT_EQ(0, ioctl(self->fd, FBIOGET_VSCREENINFO, &var));
	EXPECT_EQ(128, var.yres_virtual);
	for (i = 1; i <= 20; i++) {
		var.yoffset = i % 2 * 64;
		for (page = 0; page < 4; page++)
			put(self->map, 4 - var.yoffset / 16 + page, i);
		ASSERT_EQ(0, ioctl(self->fd, FBIOPAN_DISPLAY, &var));
		EXPECT_EQ(i, mock_stat(&self->mock, "pans"));
	}
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
	ASSERT_EQ(0, ioctl(self->fd, FBIOGET_VSCREENINFO, &var));
	EXPECT_EQ(0, var.yoffset);
	var.yoffset = 65;
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, FBIOPAN_DISPLAY, &var));
}

/* The memory has room for it, or it is refused. What has been drawn is still there. */
TEST_F(fb_defio_panel, mode_while_drawing)
{
	struct fb_var_screeninfo var = {};
	struct fb_fix_screeninfo fix;

	SETUP_PANEL("delay_ms=60000 xres=64 yres=64");
	put(self->map, 0, 1);
	ASSERT_EQ(0, ioctl(self->fd, FBIOGET_VSCREENINFO, &var));
	var.xres = 32;
	var.yres = 64;
	ASSERT_EQ(0, ioctl(self->fd, FBIOPUT_VSCREENINFO, &var));
	ASSERT_EQ(0, ioctl(self->fd, FBIOGET_FSCREENINFO, &fix));
	EXPECT_EQ(32 * 4, fix.line_length);
	put(self->map, 1, 2);
	var.yres = self->len;
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, FBIOPUT_VSCREENINFO, &var));
	put(self->map, 2, 3);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(3, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
}

/* fb_deferred_io.sort_pagereflist, whatever the order of the writes. */
TEST_F(fb_defio_panel, sorted)
{
	static const unsigned char order[] = { 9, 3, 12, 0, 15, 4, 11, 10, 1 };
	size_t i;

	SETUP_PANEL("delay_ms=3600000 sort=1");
	for (i = 0; i < ARRAY_SIZE(order); i++)
		put(self->map, order[i], i + 1);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(ARRAY_SIZE(order), mock_stat(&self->mock, "pages"));
	EXPECT_EQ(0, mock_stat(&self->mock, "unsorted"));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
}

/* Pages come to the panel on their own after the delay. */
TEST_F(fb_defio_panel, delay)
{
	SETUP_PANEL("delay_ms=20");
	put(self->map, 0, 1);
	/* The first flush can come between the fault and the write it is for. */
	while (mock_panel_diff(&self->mock, self->fd, self->len))
		usleep(10000);
	/* Waits for the end of that flush. Nothing is left for another one. */
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_LE(1, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(mock_stat(&self->mock, "pages"), mock_stat(&self->mock, "flushes"));
}

/*
 * Nothing is attached to a file when the driver's fb_open fails. Were such a
 * file counted, no close() would ever be the last one.
 */
TEST_F(fb_defio_panel, open_fails)
{
	size_t i;

	ASSERT_EQ(0, mock_create(&self->mock, "mem=%s len=%zu delay_ms=3600000 open_fails=2",
				 variant->mem, self->len));
	EXPECT_EQ(-EBUSY, mock_open(&self->mock, O_RDWR));
	EXPECT_EQ(-EBUSY, mock_open(&self->mock, O_RDWR));
	self->fd = mock_open(&self->mock, O_RDWR);
	ASSERT_LE(0, self->fd);
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, self->map);
	for (i = 0; i < NPAGES; i++)
		put(self->map, i, 1);
	EXPECT_EQ(0, munmap(self->map, NPAGES * page_size));
	self->map = MAP_FAILED;
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(NPAGES, mock_stat(&self->mock, "pages"));
}

/*
 * The device goes away
 */

FIXTURE(fb_defio_unbind)
{
	struct mock mock;
	size_t len;
	int kmsg;
	int fd;
	uint8_t *map;
	bool deleted;
};

FIXTURE_VARIANT(fb_defio_unbind)
{
	const char *mem;
	const char *free;	/* where the driver frees the memory */
	bool contiguous;
};

FIXTURE_VARIANT_ADD(fb_defio_unbind, vmalloc_remove) {
	.mem = "vmalloc", .free = "remove",
};

FIXTURE_VARIANT_ADD(fb_defio_unbind, vmalloc_destroy) {
	.mem = "vmalloc", .free = "destroy",
};

FIXTURE_VARIANT_ADD(fb_defio_unbind, get_page_remove) {
	.mem = "get_page", .free = "remove",
};

FIXTURE_VARIANT_ADD(fb_defio_unbind, alloc_pages_remove) {
	.mem = "alloc_pages", .free = "remove", .contiguous = true,
};

FIXTURE_VARIANT_ADD(fb_defio_unbind, alloc_pages_destroy) {
	.mem = "alloc_pages", .free = "destroy", .contiguous = true,
};

FIXTURE_VARIANT_ADD(fb_defio_unbind, dma_pages_remove) {
	.mem = "dma_pages", .free = "remove", .contiguous = true,
};

FIXTURE_VARIANT_ADD(fb_defio_unbind, dma_pages_destroy) {
	.mem = "dma_pages", .free = "destroy", .contiguous = true,
};

/* Does the memory stay, poisoned, when the driver frees it? */
static bool has_quarantine(const struct mock *mock)
{
	char params[256];

	return mock_read(mock, "params", params, sizeof(params)) > 0 &&
	       strstr(params, " quarantine=1");
}

FIXTURE_SETUP(fb_defio_unbind)
{
	page_size = sysconf(_SC_PAGESIZE);
	mock_probe_init();
	self->map = MAP_FAILED;
	self->fd = -1;
	self->len = NPAGES * page_size;

	if (!mock_is_available())
		SKIP(return, "needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");

	self->kmsg = mock_kmsg_open();
	ASSERT_LE(0, self->kmsg);
}

FIXTURE_TEARDOWN(fb_defio_unbind)
{
	if (self->mock.name[0] && !self->deleted) {
		EXPECT_EQ(0, mock_stat(&self->mock, "bad_pages"));
		EXPECT_EQ(0, mock_stat(&self->mock, "concurrent"));
		EXPECT_EQ(0, mock_poison_lost(&self->mock));
	}
	if (self->map != MAP_FAILED)
		EXPECT_EQ(0, munmap(self->map, self->len));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	if (self->mock.name[0] && !self->deleted) {
		EXPECT_EQ(0, mock_stat(&self->mock, "users"));
		/* With free=destroy, the poison is there since the last close only. */
		if (has_quarantine(&self->mock))
			EXPECT_LT(0, mock_stat(&self->mock, "destroyed"));
		EXPECT_EQ(0, mock_poison_lost(&self->mock));
		EXPECT_EQ(0, mock_delete(&self->mock));
	}
	EXPECT_EQ(0, mock_kmsg_splats(self->kmsg));
}

#define OPEN_AND_MAP() do { \
	self->fd = mock_open(&self->mock, O_RDWR); \
	ASSERT_LE(0, self->fd); \
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, NPAGES); \
	ASSERT_NE(MAP_FAILED, self->map); \
} while (0)

#define SETUP_UNBIND(__args) do { \
	ASSERT_EQ(0, mock_create(&self->mock, "mem=%s free=%s len=%zu " __args, \
				 variant->mem, variant->free, self->len)); \
	OPEN_AND_MAP(); \
} while (0)

/* Pages below FIRST_READ are written, those below FIRST_NEW read, the rest new. */
#define FIRST_READ	6
#define FIRST_NEW	11

static void touch_pages(uint8_t *map)
{
	size_t i;

	for (i = 0; i < FIRST_READ; i++)
		put(map, i, i + 1);
	for (i = FIRST_READ; i < FIRST_NEW; i++)
		(void)get(map, i);
}

/* Returns the number of accesses that did not give what they must. */
static int wrong_accesses_after_unbind(uint8_t *map, bool contiguous)
{
	int wrong = 0, sig, want;
	size_t i;

	for (i = 0; i < NPAGES; i++) {
		/* Page-backed mappings have references and stay readable. */
		want = !contiguous && i < FIRST_NEW ? 0 : SIGBUS;
		sig = mock_probe_read(map + i * page_size + 5);
		if (sig != want) {
			fprintf(stderr, "# page %zu: reading gives signal %d, not %d\n",
				i, sig, want);
			wrong++;
		}
		sig = mock_probe_write(map + i * page_size + 5, 0x66);
		if (sig != SIGBUS) {
			fprintf(stderr, "# page %zu: writing gives signal %d, not %d\n",
				i, sig, SIGBUS);
			wrong++;
		}
	}

	return wrong;
}

/*
 * What the driver frees cannot be reached by a mapping: no page of it can be read
 * or written.
 */
TEST_F(fb_defio_unbind, unbind_mapped)
{
	SETUP_UNBIND("delay_ms=3600000 quarantine=1");
	touch_pages(self->map);
	EXPECT_EQ(0, mock_unbind(&self->mock));
	EXPECT_EQ(-1, mock_node(&self->mock));
	/* What had been written was shown before the device went. */
	EXPECT_EQ(FIRST_READ, mock_stat(&self->mock, "pages"));
	EXPECT_EQ(0, wrong_accesses_after_unbind(self->map, variant->contiguous));
	EXPECT_EQ(0, mock_poison_lost(&self->mock));
}

/* The same for the mapping of another process, through another device node. */
TEST_F(fb_defio_unbind, unbind_mapped_elsewhere)
{
	struct gate to_child, to_parent;
	int fd, status;
	uint8_t *map;
	pid_t pid;

	SETUP_UNBIND("delay_ms=3600000 quarantine=1");
	ASSERT_EQ(0, gate_init(&to_child));
	ASSERT_EQ(0, gate_init(&to_parent));

	fd = open_other_node(&self->mock, O_RDWR);
	ASSERT_LE(0, fd);
	map = map_fb(fd, PROT_READ | PROT_WRITE, NPAGES);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, close(fd));

	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		touch_pages(self->map);
		touch_pages(map);
		gate_open(&to_parent);
		gate_wait(&to_child);
		_exit(wrong_accesses_after_unbind(self->map, variant->contiguous) +
		      wrong_accesses_after_unbind(map, variant->contiguous));
	}
	touch_pages(map);
	gate_wait(&to_parent);
	EXPECT_EQ(0, mock_unbind(&self->mock));
	gate_open(&to_child);
	EXPECT_EQ(0, wrong_accesses_after_unbind(map, variant->contiguous));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, mock_poison_lost(&self->mock));
	EXPECT_EQ(0, munmap(map, self->len));
}

/*
 * A file that is still open gets errors from everything, and closing it touches
 * nothing that the driver has freed.
 */
TEST_F(fb_defio_unbind, close_after_unbind)
{
	struct fb_var_screeninfo var;
	char buf[16] = {};

	SETUP_UNBIND("delay_ms=3600000");
	faults_of_writes(self->map, NPAGES, 1);
	EXPECT_EQ(0, mock_unbind(&self->mock));

	EXPECT_ERRNO(ENODEV, map_fb(self->fd, PROT_READ | PROT_WRITE, 1));
	EXPECT_ERRNO(ENODEV, pread(self->fd, buf, sizeof(buf), 0));
	EXPECT_ERRNO(ENODEV, pwrite(self->fd, buf, sizeof(buf), 0));
	EXPECT_ERRNO(ENODEV, ioctl(self->fd, FBIOGET_VSCREENINFO, &var));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_stat(&self->mock, "destroyed"));
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, mock_stat(&self->mock, "destroyed")); /* still mapped */
	EXPECT_EQ(0, munmap(self->map, self->len));
	self->map = MAP_FAILED;
	EXPECT_EQ(1, mock_stat(&self->mock, "destroyed"));
}

/* The same if nothing of the device is left. */
TEST_F(fb_defio_unbind, delete_while_open)
{
	SETUP_UNBIND("delay_ms=3600000");
	touch_pages(self->map);
	EXPECT_EQ(0, mock_delete(&self->mock));
	self->deleted = true;
	EXPECT_EQ(0, wrong_accesses_after_unbind(self->map, variant->contiguous));
	EXPECT_EQ(0, fsync(self->fd));
}

/* The device comes back: as a new one for new files, not at all for old ones. */
TEST_F(fb_defio_unbind, rebind)
{
	uint8_t *old_map;
	int old_fd;

	SETUP_UNBIND("delay_ms=3600000 quarantine=1");
	touch_pages(self->map);
	EXPECT_EQ(0, mock_unbind(&self->mock));
	ASSERT_EQ(0, mock_bind(&self->mock));
	old_map = self->map;
	old_fd = self->fd;
	OPEN_AND_MAP();

	put(self->map, 0, 0x11);
	EXPECT_EQ(0, fsync(old_fd));
	EXPECT_EQ(0, wrong_accesses_after_unbind(old_map, variant->contiguous));
	EXPECT_ERRNO(ENODEV, map_fb(old_fd, PROT_READ | PROT_WRITE, 1));
	EXPECT_EQ(0, munmap(old_map, self->len));
	EXPECT_EQ(0, close(old_fd));

	put(self->map, 1, 0x11);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
	put(self->map, 0, 0x12);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
	EXPECT_EQ(FIRST_READ + 3, mock_stat(&self->mock, "pages"));
}

#define LOAD_ROUNDS	8
#define LOAD_WRITERS	2

/*
 * In a race: writers and a reader that never stop, fsync() on top, and a panel
 * that is busy when the device goes.
 */
TEST_F(fb_defio_unbind, unbind_write_load)
{
	struct writer writers[LOAD_WRITERS + 1];
	int fds[LOAD_ROUNDS];
	int round, i;

	ASSERT_EQ(0, mock_create(&self->mock,
				 "mem=%s free=%s len=%zu delay_ms=1 panel_ms=2 quarantine=1",
				 variant->mem, variant->free, self->len));

	for (round = 0; round < LOAD_ROUNDS; round++) {
		OPEN_AND_MAP();
		memset(writers, 0, sizeof(writers));
		for (i = 0; i <= LOAD_WRITERS; i++) {
			writers[i].map = self->map;
			writers[i].id = i;
			writers[i].seed = round * 10 + i + 1;
			/* Only contiguous mappings stop readers, too. */
			writers[i].reads = i == LOAD_WRITERS && variant->contiguous;
			ASSERT_EQ(0, pthread_create(&writers[i].thread, NULL, writer_run,
						    &writers[i]));
		}
		/* All of them are at work, and the worker has been, too. */
		for (i = 0; i <= LOAD_WRITERS; i++) {
			while (!atomic_load(&writers[i].done))
				sched_yield();
		}
		EXPECT_EQ(0, fsync(self->fd));

		EXPECT_EQ(0, mock_unbind(&self->mock));
		for (i = 0; i <= LOAD_WRITERS; i++) {
			EXPECT_EQ(0, pthread_join(writers[i].thread, NULL));
			EXPECT_EQ(SIGBUS, writers[i].sig);
		}
		EXPECT_EQ(0, mock_poison_lost(&self->mock));
		EXPECT_EQ(0, fsync(self->fd));
		EXPECT_EQ(0, munmap(self->map, self->len));
		self->map = MAP_FAILED;
		fds[round] = self->fd;
		self->fd = -1;
		ASSERT_EQ(0, mock_bind(&self->mock));
	}
	for (round = 0; round < LOAD_ROUNDS; round++) {
		EXPECT_EQ(round, mock_stat(&self->mock, "destroyed"));
		EXPECT_EQ(0, close(fds[round]));
	}
	EXPECT_EQ(LOAD_ROUNDS, mock_stat(&self->mock, "destroyed"));
	EXPECT_EQ(0, mock_poison_lost(&self->mock));
}

struct opener {
	pthread_t thread;
	const struct mock *mock;
	atomic_bool stop;
	atomic_ulong mapped;
	bool bad;
};

/* Everything that can be done with a file, while the device comes and goes. */
static void *opener_run(void *arg)
{
	struct opener *opener = arg;
	uint8_t *map;
	size_t i;
	int fd;

	while (!atomic_load(&opener->stop)) {
		fd = mock_open(opener->mock, O_RDWR);
		if (fd < 0) {
			/* no such node, or one that has just gone */
			if (fd != -ENODEV && fd != -ENOENT && fd != -ENXIO)
				opener->bad = true;
			sched_yield();
			continue;
		}
		map = map_fb(fd, PROT_READ | PROT_WRITE, NPAGES);
		if (map != MAP_FAILED) {
			for (i = 0; i < NPAGES; i++) {
				mock_probe_write(map + i * page_size, i);
				mock_probe_read(map + i * page_size);
			}
			atomic_fetch_add(&opener->mapped, 1);
		} else if (errno != ENODEV) {
			opener->bad = true;
		}
		if (fsync(fd))
			opener->bad = true;
		if (map != MAP_FAILED)
			munmap(map, NPAGES * page_size);
		close(fd);
	}

	return NULL;
}

/* Open, mmap, fault, fsync and close meet each step of teardown. */
TEST_F(fb_defio_unbind, unbind_open_load)
{
	struct opener openers[2] = {};
	unsigned long seen;
	int round;
	size_t i;

	ASSERT_EQ(0, mock_create(&self->mock,
				 "mem=%s free=%s len=%zu delay_ms=1 quarantine=1",
				 variant->mem, variant->free, self->len));
	for (i = 0; i < 2; i++) {
		openers[i].mock = &self->mock;
		ASSERT_EQ(0, pthread_create(&openers[i].thread, NULL, opener_run,
					    &openers[i]));
	}
	for (round = 0; round < LOAD_ROUNDS; round++) {
		for (i = 0; i < 2; i++) {
			seen = atomic_load(&openers[i].mapped);
			while (atomic_load(&openers[i].mapped) == seen)
				sched_yield();
		}
		EXPECT_EQ(0, mock_unbind(&self->mock));
		EXPECT_EQ(0, mock_bind(&self->mock));
	}
	for (i = 0; i < 2; i++)
		atomic_store(&openers[i].stop, true);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, pthread_join(openers[i].thread, NULL));
		EXPECT_FALSE(openers[i].bad);
	}
	EXPECT_EQ(0, mock_poison_lost(&self->mock));
	EXPECT_EQ(LOAD_ROUNDS, mock_stat(&self->mock, "destroyed"));
}

/*
 * More than the page allocator has in one block
 */

#define LARGE_LEN	(16UL << 20)

FIXTURE(fb_defio_large)
{
	struct mock mock;
	int kmsg;
	int fd;
	uint8_t *map;
};

FIXTURE_SETUP(fb_defio_large)
{
	int ret;

	page_size = sysconf(_SC_PAGESIZE);
	mock_probe_init();
	self->map = MAP_FAILED;

	if (!mock_is_available())
		SKIP(return, "needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");

	self->kmsg = mock_kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ret = mock_create(&self->mock, "mem=dma_pages len=%lu delay_ms=3600000", LARGE_LEN);
	if (ret == -ENOMEM)
		SKIP(return, "needs 16 MiB of contiguous memory (cma=)");
	ASSERT_EQ(0, ret);
	self->fd = mock_open(&self->mock, O_RDWR);
	ASSERT_LE(0, self->fd);
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, LARGE_LEN / page_size);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(fb_defio_large)
{
	EXPECT_EQ(0, mock_stat(&self->mock, "bad_pages"));
	EXPECT_EQ(0, mock_stat(&self->mock, "concurrent"));
	if (self->map != MAP_FAILED)
		EXPECT_EQ(0, munmap(self->map, LARGE_LEN));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, mock_delete(&self->mock));
	EXPECT_EQ(0, mock_kmsg_splats(self->kmsg));
}

TEST_F(fb_defio_large, contiguous_memory_area)
{
	size_t i;

	for (i = 0; i < LARGE_LEN / page_size; i++)
		put(self->map, i, i + 1);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, LARGE_LEN));
	for (i = 0; i < LARGE_LEN / page_size; i += 7)
		put(self->map, i, i + 2);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, LARGE_LEN));
}

#define UNMAP_ROUNDS	8
#define UNMAP_WRITES	400	/* from one flush to the next */

static int run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);

	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* Writes to the first page for as long as it is mapped, and flushes in between. */
static void *drawer_run(void *arg)
{
	struct writer *writer = arg;

	while (!(writer->sig = mock_probe_write(writer->map, writer->done % 0x80))) {
		if (!(atomic_fetch_add(&writer->done, 1) % UNMAP_WRITES))
			fsync(writer->fd);
	}

	return NULL;
}

static void unmap_while_written(struct __test_metadata *_metadata,
				struct _test_data_fb_defio_large *self, bool busy)
{
	int round;
	size_t i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two CPUs");

	for (round = 0; round < UNMAP_ROUNDS; round++) {
		struct writer writer = { .map = self->map, .fd = self->fd };

		/* PTEs for munmap() to clear */
		for (i = 1; i < LARGE_LEN / page_size; i++)
			get(self->map, i);
		for (i = 0; busy && i < 3; i++) {
			faults_of_writes(self->map, LARGE_LEN / page_size, i);
			EXPECT_EQ(0, fsync(self->fd));
		}
		/* The thread inherits its CPU. */
		ASSERT_EQ(0, run_on(1));
		ASSERT_EQ(0, pthread_create(&writer.thread, NULL, drawer_run, &writer));
		ASSERT_EQ(0, run_on(0));
		/* Soon after a flush, when the page has its PTE again */
		while (atomic_load(&writer.done) < 10 * UNMAP_WRITES + UNMAP_WRITES / 8)
			sched_yield();
		EXPECT_EQ(0, munmap(self->map, LARGE_LEN));
		self->map = MAP_FAILED;
		EXPECT_EQ(0, pthread_join(writer.thread, NULL));
		EXPECT_EQ(SIGSEGV, writer.sig);

		EXPECT_EQ(0, fsync(self->fd));
		EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, LARGE_LEN));
		self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, LARGE_LEN / page_size);
		ASSERT_NE(MAP_FAILED, self->map);
	}
}

/*
 * munmap() against writes and flushes. It clears the PTE of the first page long
 * before it flushes the TLB, when it is through with all of them. Another thread
 * can write to that page in between, and a flush has no PTE to write-protect.
 */
TEST_F(fb_defio_large, unmap_while_written)
{
	unmap_while_written(_metadata, self, false);
}

/* The same while flushes look for dirty PTEs, and this one is gone. */
TEST_F(fb_defio_large, unmap_while_busy)
{
	unmap_while_written(_metadata, self, true);
}

/*
 * A busy screen
 *
 * Many pages are written again and again. They stay writable, and flushes find what
 * was written by the dirty bits of the PTEs. No write may be lost if PTEs go, or
 * change, before a flush has looked at them. The delay of the devices is so long
 * that the screen stays busy throughout a test.
 */

#define BUSY_PAGES	64UL

FIXTURE(fb_defio_busy)
{
	struct mock mock;
	size_t len;
	int kmsg;
	int fd;
	uint8_t *map;
};

FIXTURE_VARIANT(fb_defio_busy)
{
	const char *mem;
	bool contiguous;
};

FIXTURE_VARIANT_ADD(fb_defio_busy, vmalloc) { .mem = "vmalloc" };
FIXTURE_VARIANT_ADD(fb_defio_busy, alloc_pages) { .mem = "alloc_pages", .contiguous = true };
FIXTURE_VARIANT_ADD(fb_defio_busy, dma_pages) { .mem = "dma_pages", .contiguous = true };

FIXTURE_SETUP(fb_defio_busy)
{
	int i;

	page_size = sysconf(_SC_PAGESIZE);
	mock_probe_init();
	self->map = MAP_FAILED;
	self->fd = -1;
	self->len = BUSY_PAGES * page_size;

	if (!mock_is_available())
		SKIP(return, "needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");

	self->kmsg = mock_kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, mock_create(&self->mock, "mem=%s len=%zu xres=8 yres=8 delay_ms=3600000",
				 variant->mem, self->len));
	self->fd = mock_open(&self->mock, O_RDWR);
	ASSERT_LE(0, self->fd);
	/* Faults that are counted are those of the framebuffer. */
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, BUSY_PAGES);
	ASSERT_NE(MAP_FAILED, self->map);

	for (i = 1; i <= 3; i++) {
		faults_of_writes(self->map, BUSY_PAGES, i);
		ASSERT_EQ(0, fsync(self->fd));
	}
	ASSERT_EQ(0, faults_of_writes(self->map, BUSY_PAGES, i));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
}

FIXTURE_TEARDOWN(fb_defio_busy)
{
	EXPECT_EQ(0, mock_stat(&self->mock, "bad_pages"));
	EXPECT_EQ(0, mock_stat(&self->mock, "concurrent"));
	if (self->map != MAP_FAILED)
		EXPECT_EQ(0, munmap(self->map, self->len));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, mock_stat(&self->mock, "users"));
	EXPECT_EQ(0, mock_delete(&self->mock));
	EXPECT_EQ(0, mock_kmsg_splats(self->kmsg));
}

/* A write that takes no fault: only the PTE knows of it. */
#define EXPECT_PUT(__map, __page, __val) \
	EXPECT_EQ(0, faults_of_writes((__map) + (__page) * page_size, 1, __val))

/* Shows what was written, and sends that many pages for it. */
#define EXPECT_FLUSHED_PAGES(__n) do { \
	long long __pages = mock_stat(&self->mock, "pages"); \
	EXPECT_FLUSHED(); \
	EXPECT_EQ(__pages + (__n), mock_stat(&self->mock, "pages")); \
} while (0)

/* Pages that were not written are not sent. */
TEST_F(fb_defio_busy, write_is_tracked)
{
	EXPECT_FLUSHED_PAGES(0);
	EXPECT_PUT(self->map, 3, 0x33);
	EXPECT_FLUSHED_PAGES(1);
	faults_of_reads(self->map, BUSY_PAGES);
	EXPECT_FLUSHED_PAGES(0);
	EXPECT_PUT(self->map, 3, 0x34);
	EXPECT_PUT(self->map, 3, 0x35);
	EXPECT_PUT(self->map, 60, 0x36);
	EXPECT_FLUSHED_PAGES(2);
	EXPECT_EQ(0, faults_of_writes(self->map, BUSY_PAGES, 0x40));
	EXPECT_FLUSHED_PAGES(BUSY_PAGES);
}

TEST_F(fb_defio_busy, munmap_all)
{
	EXPECT_PUT(self->map, 3, 0x33);
	EXPECT_PUT(self->map, 60, 0x34);
	EXPECT_EQ(0, munmap(self->map, self->len));
	self->map = MAP_FAILED;
	EXPECT_FLUSHED();
	EXPECT_FLUSHED_PAGES(0);
}

TEST_F(fb_defio_busy, munmap_part)
{
	EXPECT_PUT(self->map, 4, 0x33);
	EXPECT_PUT(self->map, 7, 0x34);
	EXPECT_PUT(self->map, 20, 0x35);
	EXPECT_EQ(0, munmap(self->map + 4 * page_size, 4 * page_size));
	EXPECT_FLUSHED();

	EXPECT_PUT(self->map, 3, 0x43);
	EXPECT_PUT(self->map, 8, 0x44);
	EXPECT_FLUSHED_PAGES(2);
	EXPECT_EQ(SIGSEGV, mock_probe_write(self->map + 5 * page_size, 1));
}

/* munmap() as a part of mmap(). */
TEST_F(fb_defio_busy, map_over)
{
	uint8_t *map = self->map + 4 * page_size;

	EXPECT_PUT(map, 0, 0x33);
	EXPECT_PUT(map, 3, 0x34);
	EXPECT_PUT(map, 4, 0x35);
	ASSERT_EQ(map, mmap(map, 4 * page_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_FLUSHED();

	/* Other pages of the framebuffer, at addresses of its own. */
	map = self->map + 20 * page_size;
	EXPECT_PUT(map, 0, 0x43);
	EXPECT_PUT(map, 4, 0x44);
	ASSERT_EQ(map, mmap(map, 4 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			    self->fd, 0));
	EXPECT_FLUSHED();
	put(map, 0, 0x53);
	EXPECT_EQ(0x53, get(self->map, 0));
	EXPECT_FLUSHED_PAGES(1);
}

/* The last close, without a flush before it. */
TEST_F(fb_defio_busy, last_close_flushes)
{
	EXPECT_PUT(self->map, 3, 0x33);
	EXPECT_EQ(0, munmap(self->map, self->len));
	self->map = MAP_FAILED;
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;

	self->fd = mock_open(&self->mock, O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));

	/* The screen is no longer busy for those who open it now. */
	self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, BUSY_PAGES);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_EQ(BUSY_PAGES, faults_of_writes(self->map, BUSY_PAGES, 0x40));
	EXPECT_FLUSHED_PAGES(BUSY_PAGES);
	put(self->map, 3, 0x43);
	EXPECT_EQ(0, munmap(self->map, self->len));
	self->map = MAP_FAILED;
	EXPECT_FLUSHED_PAGES(1);
}

/* A process ends while it has PTEs that no flush has looked at. */
static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;

	return status;
}

TEST_F(fb_defio_busy, exit)
{
	pid_t pid = fork_child();

	ASSERT_LE(0, pid);
	if (!pid) {
		put(self->map, 3, 0x33);
		put(self->map, 60, 0x34);
		_exit(0);
	}
	EXPECT_EQ(0, wait_for(pid));
	EXPECT_FLUSHED();

	/* With a mapping of its own. */
	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		munmap(self->map, self->len);
		self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, BUSY_PAGES);
		if (self->map == MAP_FAILED)
			_exit(1);
		put(self->map, 4, 0x43);
		if (fsync(self->fd))
			_exit(1);
		put(self->map, 4, 0x44);
		_exit(0);
	}
	EXPECT_EQ(0, wait_for(pid));
	EXPECT_FLUSHED();
	EXPECT_EQ(0x44, get(self->map, 4));
}

TEST_F(fb_defio_busy, killed)
{
	pid_t pid = fork_child();

	ASSERT_LE(0, pid);
	if (!pid) {
		put(self->map, 3, 0x33);
		raise(SIGKILL);
	}
	EXPECT_EQ(SIGKILL, wait_for(pid));
	EXPECT_EQ(0x33, get(self->map, 3));
	EXPECT_FLUSHED();
}

TEST_F(fb_defio_busy, exec)
{
	pid_t pid = fork_child();

	ASSERT_LE(0, pid);
	if (!pid) {
		put(self->map, 3, 0x33);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	EXPECT_EQ(0, wait_for(pid));
	EXPECT_EQ(0x33, get(self->map, 3));
	EXPECT_FLUSHED();
}

/* The child's PTEs are copies, writable and clean. Dirty ones stay with the parent. */
TEST_F(fb_defio_busy, fork_both_tracked)
{
	struct gate to_child, to_parent;
	pid_t pid;

	ASSERT_EQ(0, gate_init(&to_child));
	ASSERT_EQ(0, gate_init(&to_parent));
	EXPECT_PUT(self->map, 3, 0x33);

	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		put(self->map, 4, 0x34);
		gate_open(&to_parent);
		gate_wait(&to_child);
		put(self->map, 4, 0x44);
		put(self->map, 5, 0x45);
		gate_open(&to_parent);
		gate_wait(&to_child);
		put(self->map, 5, 0x55);
		_exit(0);
	}
	gate_wait(&to_parent);
	EXPECT_FLUSHED_PAGES(2);

	gate_open(&to_child);
	gate_wait(&to_parent);
	put(self->map, 5, 0x46);
	put(self->map, 6, 0x47);
	EXPECT_FLUSHED_PAGES(3);

	gate_open(&to_child);
	EXPECT_EQ(0, wait_for(pid));
	EXPECT_EQ(0x55, get(self->map, 5));
	EXPECT_FLUSHED();
}

/* PTEs that have moved to another address. */
TEST_F(fb_defio_busy, mremap_move)
{
	uint8_t *to, *moved;

	EXPECT_PUT(self->map, 3, 0x33);
	to = mmap(NULL, self->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, to);
	moved = mremap(self->map, self->len, self->len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ(to, moved);
	self->map = moved;
	put(self->map, 4, 0x34);
	EXPECT_FLUSHED();

	put(self->map, 3, 0x43);
	put(self->map, 60, 0x44);
	EXPECT_FLUSHED_PAGES(2);
}

TEST_F(fb_defio_busy, mremap_shrink)
{
	EXPECT_PUT(self->map, 3, 0x33);
	EXPECT_PUT(self->map, 60, 0x34);
	EXPECT_EQ(self->map, mremap(self->map, self->len, self->len / 2, 0));
	EXPECT_FLUSHED();
	EXPECT_PUT(self->map, 3, 0x43);
	EXPECT_FLUSHED_PAGES(1);
	EXPECT_EQ(SIGSEGV, mock_probe_write(self->map + 60 * page_size, 1));
}

/* PTEs that become read-only and writable again, dirty or not. */
TEST_F(fb_defio_busy, mprotect)
{
	/* Dirty, with a flush while it is read-only, */
	EXPECT_PUT(self->map, 3, 0x33);
	EXPECT_EQ(0, mprotect(self->map, self->len, PROT_READ));
	EXPECT_FLUSHED_PAGES(1);
	EXPECT_EQ(0, mprotect(self->map, self->len, PROT_READ | PROT_WRITE));
	put(self->map, 3, 0x34);
	EXPECT_FLUSHED_PAGES(1);

	/* or with none, */
	put(self->map, 3, 0x35);
	EXPECT_EQ(0, mprotect(self->map, self->len, PROT_READ));
	EXPECT_EQ(SIGSEGV, mock_probe_write(self->map + 3 * page_size, 2));
	EXPECT_EQ(0, mprotect(self->map, self->len, PROT_READ | PROT_WRITE));
	EXPECT_FLUSHED_PAGES(1);
	put(self->map, 3, 0x36);
	EXPECT_FLUSHED_PAGES(1);

	/* and clean. */
	EXPECT_EQ(0, mprotect(self->map, self->len, PROT_NONE));
	EXPECT_FLUSHED_PAGES(0);
	EXPECT_EQ(0, mprotect(self->map, self->len, PROT_READ | PROT_WRITE));
	put(self->map, 3, 0x37);
	EXPECT_FLUSHED_PAGES(1);

	/* A part of the mapping, which has become one of its own. */
	put(self->map, 4, 0x44);
	EXPECT_EQ(0, mprotect(self->map + 4 * page_size, page_size, PROT_READ));
	EXPECT_EQ(0, munmap(self->map + 4 * page_size, page_size));
	EXPECT_FLUSHED();
}

TEST_F(fb_defio_busy, two_nodes)
{
	uint8_t *map;
	int fd;

	fd = open_other_node(&self->mock, O_RDWR);
	ASSERT_LE(0, fd);
	map = map_fb(fd, PROT_READ | PROT_WRITE, BUSY_PAGES);
	ASSERT_NE(MAP_FAILED, map);
	faults_of_writes(map, BUSY_PAGES, 0x10);
	EXPECT_FLUSHED_PAGES(BUSY_PAGES);
	EXPECT_PUT(map, 3, 0x33);
	EXPECT_PUT(self->map, 4, 0x34);
	EXPECT_FLUSHED_PAGES(2);

	EXPECT_PUT(map, 5, 0x43);
	EXPECT_EQ(0, munmap(map, self->len));
	EXPECT_EQ(0, close(fd));
	EXPECT_FLUSHED();
	EXPECT_PUT(self->map, 5, 0x53);
	EXPECT_FLUSHED_PAGES(1);
}

/* At several offsets, beside one that is read-only and a private one. */
TEST_F(fb_defio_busy, many_mappings)
{
	uint8_t *maps[8], *ro, *private;
	size_t i;
	int fd;

	fd = mock_open(&self->mock, O_RDONLY);
	ASSERT_LE(0, fd);
	ro = map_fb(fd, PROT_READ, BUSY_PAGES);
	ASSERT_NE(MAP_FAILED, ro);
	private = mmap(NULL, self->len, PROT_READ, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, private);
	faults_of_reads(ro, BUSY_PAGES);
	faults_of_reads(private, BUSY_PAGES);
	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		maps[i] = mmap(NULL, 8 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
			       4 * i * page_size);
		ASSERT_NE(MAP_FAILED, maps[i]);
		faults_of_writes(maps[i], 8, 0x10 + i);
	}
	EXPECT_FLUSHED_PAGES(4 * (ARRAY_SIZE(maps) - 1) + 8);

	for (i = 0; i < ARRAY_SIZE(maps); i++)
		EXPECT_PUT(maps[i], 1, 0x20 + i);
	EXPECT_FLUSHED_PAGES(ARRAY_SIZE(maps));
	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		EXPECT_PUT(maps[i], 2, 0x30 + i);
		EXPECT_EQ(0, munmap(maps[i], 8 * page_size));
	}
	EXPECT_FLUSHED();
	for (i = 0; i < ARRAY_SIZE(maps); i++)
		EXPECT_EQ(0x30 + i, get(ro, 4 * i + 2));
	/* These cannot have been written through. */
	EXPECT_EQ(0, munmap(private, self->len));
	EXPECT_EQ(0, munmap(ro, self->len));
	EXPECT_EQ(0, close(fd));
	EXPECT_FLUSHED_PAGES(0);
}

/* What the panel shows at the place where put() writes. */
static int panel_get(const struct mock *mock, size_t len, size_t page)
{
	char *panel = malloc(len + 1);
	int ret = -ENOMEM;

	if (panel && mock_read(mock, "panel", panel, len + 1) == (long)len)
		ret = (uint8_t)panel[page * page_size + 5];
	free(panel);

	return ret;
}

/* The device goes away before a flush has looked. */
TEST_F(fb_defio_busy, unbind)
{
	EXPECT_PUT(self->map, 3, 0x33);
	EXPECT_PUT(self->map, 60, 0x34);
	EXPECT_EQ(0, mock_unbind(&self->mock));
	EXPECT_EQ(0x33, panel_get(&self->mock, self->len, 3));
	EXPECT_EQ(0x34, panel_get(&self->mock, self->len, 60));
	EXPECT_EQ(SIGBUS, mock_probe_write(self->map + 3 * page_size, 1));
	EXPECT_EQ(SIGBUS, mock_probe_write(self->map + 4 * page_size, 1));
	EXPECT_EQ(0, fsync(self->fd));
}

/* The driver stops deferred I/O, replaces its memory by a copy, and starts it again. */
TEST_F(fb_defio_busy, restart)
{
	EXPECT_PUT(self->map, 3, 0x33);
	EXPECT_PUT(self->map, 60, 0x34);
	EXPECT_EQ(0, mock_restart(&self->mock, self->len));
	EXPECT_EQ(0, mock_panel_diff(&self->mock, self->fd, self->len));
	EXPECT_EQ(0x33, panel_get(&self->mock, self->len, 3));
	EXPECT_FLUSHED_PAGES(0);

	/* It is not busy, and mappings of contiguous memory go on with the new one. */
	if (!variant->contiguous) {
		EXPECT_EQ(0, munmap(self->map, self->len));
		self->map = map_fb(self->fd, PROT_READ | PROT_WRITE, BUSY_PAGES);
		ASSERT_NE(MAP_FAILED, self->map);
	}
	EXPECT_EQ(BUSY_PAGES, faults_of_writes(self->map, BUSY_PAGES, 0x40));
	EXPECT_FLUSHED_PAGES(BUSY_PAGES);
	EXPECT_EQ(BUSY_PAGES, faults_of_writes(self->map, BUSY_PAGES, 0x41));
	EXPECT_FLUSHED_PAGES(BUSY_PAGES);
}

/* Writes by way of the page, as direct I/O does them: the PTE stays clean. */
TEST_F(fb_defio_busy, process_vm_writev)
{
	char buf[64];
	struct iovec local = { buf, sizeof(buf) };
	struct iovec remote = { self->map + 3 * page_size, sizeof(buf) };

	memset(buf, 0x42, sizeof(buf));
	if (variant->contiguous) {
		EXPECT_ERRNO(EFAULT, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
		EXPECT_FLUSHED_PAGES(0);
		return;
	}
	EXPECT_EQ(64, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(0x42, get(self->map, 3));
	EXPECT_FLUSHED_PAGES(1);

	/* And the page is unmapped before a flush has looked. */
	memset(buf, 0x43, sizeof(buf));
	EXPECT_EQ(64, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(0, munmap(self->map, self->len));
	self->map = MAP_FAILED;
	EXPECT_FLUSHED_PAGES(1);
}

TEST_F(fb_defio_busy, proc_mem)
{
	char out[64];
	int fd;

	fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	memset(out, 0x42, sizeof(out));
	EXPECT_EQ(64, pwrite(fd, out, 64, (off_t)(self->map + 3 * page_size - 32)));
	EXPECT_FLUSHED_PAGES(2);
	EXPECT_PUT(self->map, 3, 0x43);
	EXPECT_FLUSHED_PAGES(1);
	EXPECT_EQ(0, close(fd));
}

/* PTEs go, the mapping stays. */
TEST_F(fb_defio_busy, madvise_dontneed)
{
	EXPECT_PUT(self->map, 3, 0x33);
	if (variant->contiguous)
		EXPECT_ERRNO(EINVAL, madvise(self->map, self->len, MADV_DONTNEED));
	else
		EXPECT_EQ(0, madvise(self->map, self->len, MADV_DONTNEED));
	EXPECT_FLUSHED_PAGES(1);
	put(self->map, 3, 0x34);
	EXPECT_FLUSHED_PAGES(1);
}

/* Those who write to pages that are being sent do not wait; fsync() does. */
TEST_F(fb_defio_busy, panel_stops_nobody)
{
	struct flusher flusher = { .fd = self->fd };
	long long flushes;

	EXPECT_PUT(self->map, 3, 0x33);
	flushes = mock_stat(&self->mock, "flushes");
	ASSERT_EQ(0, mock_hold(&self->mock, true));
	ASSERT_EQ(0, pthread_create(&flusher.thread, NULL, flusher_run, &flusher));
	ASSERT_EQ(0, mock_wait_held(&self->mock));
	EXPECT_EQ(0x33, panel_get(&self->mock, self->len, 3));

	EXPECT_PUT(self->map, 3, 0x34);
	EXPECT_PUT(self->map, 4, 0x35);
	EXPECT_EQ(0, munmap(self->map + 40 * page_size, 8 * page_size));
	EXPECT_EQ(flushes, mock_stat(&self->mock, "flushes"));
	EXPECT_EQ(0x33, panel_get(&self->mock, self->len, 3));

	EXPECT_EQ(0, mock_hold(&self->mock, false));
	EXPECT_EQ(0, pthread_join(flusher.thread, NULL));
	EXPECT_EQ(0, flusher.err);
	EXPECT_FLUSHED();
}

/*
 * In a race: no write is lost between the dirty bit, the panel's copy and the next
 * write. Each writer has a place of its own in each page, and knows what it has to
 * contain in the end. A later write can hide a lost one: stop often.
 *
 * FB_DEFIO_WRITES in the environment is the number of writes.
 */

#define STRESS_WRITERS	4
#define STRESS_ROUNDS	10
#define STRESS_WRITES	400000UL

struct stress_writer {
	pthread_t thread;
	uint8_t *map;
	unsigned int id;
	unsigned int seed;
	unsigned long writes;
	uint8_t *want;	/* of each page */
	atomic_bool done;
};

static void *stress_writer_run(void *arg)
{
	struct stress_writer *writer = arg;
	unsigned long i, page;

	for (i = 0; i < writer->writes; i++) {
		page = rand_r(&writer->seed) % BUSY_PAGES;
		__atomic_store_n(&writer->map[page * page_size + 8 + writer->id],
				 ++writer->want[page], __ATOMIC_SEQ_CST);
	}
	atomic_store(&writer->done, true);

	return NULL;
}

/* Takes PTEs away, where that is possible. The next access brings them back. */
static void *zapper_run(void *arg)
{
	struct stress_writer *zapper = arg;

	while (!atomic_load(&zapper->done))
		madvise(zapper->map, BUSY_PAGES * page_size, MADV_DONTNEED);

	return NULL;
}

TEST_F_TIMEOUT(fb_defio_busy, stress, 600)
{
	const char *writes = getenv("FB_DEFIO_WRITES");
	struct stress_writer *writers;
	size_t i, page, working;
	int round, wrong = 0;
	struct stress_writer zapper = { .map = self->map };
	pid_t pids[STRESS_WRITERS] = {};
	uint8_t *want;

	/* Two threads of this process and two processes, one with a mapping of its own */
	writers = mmap(NULL, STRESS_WRITERS * sizeof(*writers), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, writers);
	want = mmap(NULL, STRESS_WRITERS * BUSY_PAGES, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, want);

	for (i = 0; i < STRESS_WRITERS; i++) {
		writers[i].map = self->map;
		writers[i].id = i;
		writers[i].seed = i + 1;
		writers[i].want = want + i * BUSY_PAGES;
		writers[i].writes = (writes ? strtoul(writes, NULL, 10) : STRESS_WRITES) /
				    STRESS_WRITERS / STRESS_ROUNDS;
		ASSERT_NE(0, writers[i].writes);
	}

	for (round = 0; round < STRESS_ROUNDS; round++) {
		for (i = 0; i < STRESS_WRITERS; i++) {
			atomic_store(&writers[i].done, false);
			if (i < 2) {
				ASSERT_EQ(0, pthread_create(&writers[i].thread, NULL,
							    stress_writer_run, &writers[i]));
				continue;
			}
			pids[i] = fork_child();
			ASSERT_LE(0, pids[i]);
			if (pids[i])
				continue;
			if (i == 3) {
				writers[i].map = map_fb(self->fd, PROT_READ | PROT_WRITE,
							BUSY_PAGES);
				if (writers[i].map == MAP_FAILED)
					_exit(1);
			}
			stress_writer_run(&writers[i]);
			_exit(0);
		}
		atomic_store(&zapper.done, false);
		ASSERT_EQ(0, pthread_create(&zapper.thread, NULL, zapper_run, &zapper));
		do {
			ASSERT_EQ(0, fsync(self->fd));
			for (working = 0, i = 0; i < STRESS_WRITERS; i++)
				working += !atomic_load(&writers[i].done);
		} while (working);
		atomic_store(&zapper.done, true);
		EXPECT_EQ(0, pthread_join(zapper.thread, NULL));
		for (i = 0; i < 2; i++)
			EXPECT_EQ(0, pthread_join(writers[i].thread, NULL));
		for (i = 2; i < STRESS_WRITERS; i++)
			EXPECT_EQ(0, wait_for(pids[i]));

		EXPECT_FLUSHED();
		for (i = 0; i < STRESS_WRITERS; i++) {
			for (page = 0; page < BUSY_PAGES; page++)
				wrong += self->map[page * page_size + 8 + i] !=
					 writers[i].want[page];
		}
		ASSERT_EQ(0, wrong);
		/* Busy to the end */
		faults_of_writes(self->map, BUSY_PAGES, round);
		EXPECT_FLUSHED();
		EXPECT_EQ(0, faults_of_writes(self->map, BUSY_PAGES, round + 1));
	}
	EXPECT_EQ(0, munmap(want, STRESS_WRITERS * BUSY_PAGES));
	EXPECT_EQ(0, munmap(writers, STRESS_WRITERS * sizeof(*writers)));
}

/* A driver that forgets its struct fb_deferred_io gets an error for it. */
TEST(no_fbdefio)
{
	struct mock mock;
	int kmsg;

	if (!mock_is_available())
		SKIP(return, "needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");

	kmsg = mock_kmsg_open();
	ASSERT_LE(0, kmsg);
	EXPECT_EQ(-EINVAL, mock_create(&mock, "mem=vmalloc len=4096 no_fbdefio=1"));
	ASSERT_EQ(0, mock_create(&mock, "mem=vmalloc len=4096"));
	EXPECT_EQ(0, mock_delete(&mock));
	EXPECT_EQ(0, mock_kmsg_splats(kmsg));
}

/*
 * The mock device itself
 */

/* A parameter that it does not know must not go unnoticed. */
TEST(mock_refuses_bad_parameters)
{
	static const char * const bad[] = {
		"", "mem=vmalloc", "len=0", "len=3", "len=-1", "len=4096x", "mem=", "mem=disk",
		"len=4096 colour=1", "len=4096 xres=32", "len=4096 xres=64 yres=64",
		"len=4096 sort=2", "len=4096 free=never", "len=4096 sort",
		"xres=65536 yres=65536", "len=4096 xres=32 yres=32 yres_virtual=33",
		"len=99999999999", "len=4096 max_len=4095",
	};
	struct mock mock;
	size_t i;

	if (!mock_is_available())
		SKIP(return, "needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, mock_write_file(MOCK_DEBUGFS "/create", bad[i])) {
			TH_LOG("parameters \"%s\"", bad[i]);
		}
	}
	snprintf(mock.name, sizeof(mock.name), "fb_defio_mock.none");
	EXPECT_EQ(-ENODEV, mock_delete(&mock));
}

TEST_HARNESS_MAIN
