// SPDX-License-Identifier: GPL-2.0
/*
 * Is a write to a framebuffer with deferred I/O ever lost?
 *
 *	fb_defio_stress [-w WRITES] [-s SEED] [-m MEMORY] [-b]
 *
 * Four processes write to a mapping of their own, of two device nodes, each to a byte
 * of its own in every page, and count. Meanwhile they fork, move, unmap and map
 * again, and drop PTEs; and the parent calls fsync() all the time, makes the panel
 * slow, lets it fail, holds it, and in every other round unbinds the device (never with
 * -b, as kernels that write to what has been freed do not live to lose anything). At
 * the end of each short round, the panel must have what each writer wrote last: what
 * is lost could be written over later.
 *
 * A panel that refuses a page does not show it; so it fails in the first half of a
 * round only, and is drawn anew before the second one.
 */

#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "mock.h"

#define NWRITERS	4
#define NPAGES		40UL	/* enough for a busy screen */
#define ROUND_WRITES	2000UL	/* of each writer */

struct writer {
	uint8_t want[NPAGES];	/* of its byte in each page */
	unsigned long writes;
	unsigned long forks, moves, maps;
	bool gone;		/* the device */
};

static const char * const all_mems[] = {
	"vmalloc", "get_page", "file", "alloc_pages", "free_pages", "kmalloc", "dma_pages",
};

static struct writer *writers;
static size_t page_size;
static uint64_t state = 1;
static sigjmp_buf env;
static bool keep_bound;

static size_t pick(size_t n)
{
	return random_number(&state) % n;
}

static void sigbus(int sig)
{
	siglongjmp(env, sig);
}

/* What is counted has been written: a store that faults in vain is not counted. */
static void write_some(struct writer *writer, uint8_t *map, unsigned long n)
{
	uint8_t *addr;
	size_t page;

	while (n--) {
		page = pick(NPAGES);
		addr = map + page * page_size + (writer - writers);
		__atomic_store_n(addr, (uint8_t)(writer->want[page] + 1), __ATOMIC_SEQ_CST);
		writer->want[page]++;
		writer->writes++;
	}
}

/* A child writes in its parent's place, with a mapping that it has inherited. */
static void write_in_child(struct writer *writer, uint8_t *map)
{
	pid_t pid = fork();
	int status;

	writer->forks++;
	if (!pid) {
		if (!sigsetjmp(env, 0))
			write_some(writer, map, 50);
		else
			writer->gone = true;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		_exit(1);
}

static uint8_t *map_fb(int fd)
{
	return mmap(NULL, NPAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* Returns the mapping, or NULL if the device is gone. */
static uint8_t *disturb(struct writer *writer, uint8_t *map, int fd)
{
	size_t len = NPAGES * page_size;
	uint8_t *new;

	switch (pick(6)) {
	case 0:
		write_in_child(writer, map);
		return map;
	case 1:
		new = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (new == MAP_FAILED ||
		    mremap(map, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, new) != new)
			_exit(1);
		writer->moves++;
		return new;
	case 2:
		if (munmap(map, len))
			_exit(1);
		map = map_fb(fd);
		writer->maps++;
		if (map == MAP_FAILED) {
			writer->gone = true;
			return NULL;
		}
		return map;
	case 3:
		madvise(map, len, MADV_DONTNEED);
		return map;
	case 4:
		if (mprotect(map, len / 2, PROT_READ) ||
		    mprotect(map, len / 2, PROT_READ | PROT_WRITE) || munmap(map, len))
			_exit(1);
		/* It was two VMAs or three, which cannot be moved at once. */
		map = map_fb(fd);
		if (map == MAP_FAILED) {
			writer->gone = true;
			return NULL;
		}
		return map;
	default:
		return map;
	}
}

static void __noreturn writer_run(struct writer *writer, int fd)
{
	struct sigaction sa = { .sa_handler = sigbus, .sa_flags = SA_NODEFER };
	uint8_t *map = map_fb(fd);
	unsigned long left;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGBUS, &sa, NULL);
	if (map == MAP_FAILED || sigsetjmp(env, 0)) {
		writer->gone = true;
		_exit(0);
	}
	for (left = ROUND_WRITES / 100; left; left--) {
		write_some(writer, map, 100);
		map = disturb(writer, map, fd);
		if (!map || writer->gone)
			break;
	}
	_exit(0);
}

/* A device node that nobody else has, and that has no name any more */
static int open_other_node(const struct mock *mock)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/fb_defio_stress.%d", getpid());
	if (mknod(path, S_IFCHR | 0600, makedev(29, mock_node(mock))))
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC);
	unlink(path);

	return fd;
}

static void must(int ret, const char *what)
{
	if (ret)
		give_up("%s: %s", what, strerror(ret < 0 ? -ret : errno));
}

/* Returns whether all writers have ended. */
static bool reap(pid_t *pids)
{
	bool all = true;
	int i, status;

	for (i = 0; i < NWRITERS; i++) {
		if (pids[i] && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
			if (status)
				give_up("a writer has failed, status %#x", status);
			pids[i] = 0;
		}
		all = all && !pids[i];
	}

	return all;
}

/* Half a round. Returns whether the device is still there. */
static bool write_and_flush(const struct mock *mock, int fd, int other_fd, bool may_fail,
			    bool unbind)
{
	pid_t pids[NWRITERS];
	unsigned long syncs = 0, until = 1 + pick(40);
	bool bound = true, hold = false;
	int i;

	fflush(stdout);
	for (i = 0; i < NWRITERS; i++) {
		uint64_t seed = random_number(&state);

		pids[i] = fork();
		if (pids[i] < 0)
			give_up("fork: %s", strerror(errno));
		if (!pids[i]) {
			state = seed;
			writer_run(&writers[i], i % 2 ? other_fd : fd);
		}
	}
	while (!reap(pids)) {
		if (!bound) {
			sched_yield();
			continue;
		}
		if (hold || pick(2)) {
			hold = !hold;
			must(mock_hold(mock, hold), "hold");
		}
		if (!hold)
			must(fsync(fd), "fsync");
		if (!pick(4))
			must(mock_write_number(mock, "panel_ms", pick(3)), "panel_ms");
		if (may_fail)
			must(mock_write_number(mock, "panel_error", pick(2)), "panel_error");
		if (unbind && ++syncs >= until) {
			must(mock_hold(mock, false), "hold");
			hold = false;
			must(mock_unbind(mock), "unbind");
			bound = false;
		}
	}
	must(mock_hold(mock, false), "hold");
	if (may_fail)
		must(mock_write_number(mock, "panel_error", 0), "panel_error");
	if (bound)
		must(fsync(fd), "fsync");

	return bound;
}

static unsigned long count_lost(const struct mock *mock, const char *mem)
{
	size_t len = NPAGES * page_size, page;
	char *panel = malloc(len + 1);
	unsigned long lost = 0;
	int i;

	if (!panel || mock_read(mock, "panel", panel, len + 1) != (long)len)
		give_up("the panel cannot be read");
	for (i = 0; i < NWRITERS; i++) {
		for (page = 0; page < NPAGES; page++) {
			uint8_t has = panel[page * page_size + i], want = writers[i].want[page];

			if (has == want)
				continue;
			if (!lost++)
				printf("# %s: writer %d, page %zu: the panel has %u, must be %u\n",
				       mem, i, page, has, want);
		}
	}
	free(panel);

	return lost;
}

/* Returns how many of the bytes are not what the last write to them was. */
static unsigned long one_round(const char *mem)
{
	static const unsigned int delays[] = { 1, 5, 20, 1000 };
	bool fails = !pick(4), unbind = pick(2) && !keep_bound;
	/* The page cache wants its pages back, so such drivers free them when nobody maps them. */
	bool destroy = pick(2) || !strcmp(mem, "file");
	struct mock mock;
	unsigned long lost;
	uint8_t *all;
	int fd, other_fd;

	must(mock_create(&mock, "mem=%s len=%zu delay_ms=%u free=%s", mem, NPAGES * page_size,
			 delays[pick(4)], destroy ? "destroy" : "remove"), "create");
	fd = mock_open(&mock, O_RDWR);
	if (fd < 0)
		give_up("open: %s", strerror(-fd));
	other_fd = open_other_node(&mock);
	if (other_fd < 0)
		give_up("the other node: %s", strerror(errno));
	if (fails) {
		write_and_flush(&mock, fd, other_fd, true, false);
		all = malloc(NPAGES * page_size);
		if (!all ||
		    pread(fd, all, NPAGES * page_size, 0) != (ssize_t)(NPAGES * page_size) ||
		    pwrite(fd, all, NPAGES * page_size, 0) != (ssize_t)(NPAGES * page_size))
			give_up("the framebuffer cannot be drawn anew");
		free(all);
		must(fsync(fd), "fsync");
	}
	write_and_flush(&mock, fd, other_fd, false, unbind);
	lost = count_lost(&mock, mem);
	close(other_fd);
	close(fd);
	must(mock_delete(&mock), "delete");

	return lost;
}

static unsigned long parse_number(const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || !*text || *end || *text == '-')
		give_up("'%s' is no number", text);

	return value;
}

int main(int argc, char **argv)
{
	unsigned long wanted = 100000, lost = 0, writes = 0, rounds = 0, forks = 0, moves = 0;
	unsigned long unbound = 0;
	const char *mem = NULL;
	int c, i, splats, kmsg;

	while ((c = getopt(argc, argv, "w:s:m:b")) != -1) {
		switch (c) {
		case 'w':
			wanted = parse_number(optarg);
			break;
		case 's':
			state = parse_number(optarg);
			break;
		case 'm':
			mem = optarg;
			break;
		case 'b':
			keep_bound = true;
			break;
		default:
			give_up("usage: fb_defio_stress [-w WRITES] [-s SEED] [-m MEMORY] [-b]");
		}
	}
	page_size = sysconf(_SC_PAGESIZE);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..2\n");
	if (!mock_is_available())
		give_up("needs CONFIG_FB_DEFIO_MOCK and debugfs, as root");
	kmsg = mock_kmsg_open();
	writers = mmap(NULL, NWRITERS * sizeof(*writers), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (kmsg < 0 || writers == MAP_FAILED)
		give_up("cannot run on this machine");

	while (writes < wanted && !lost) {
		memset(writers, 0, NWRITERS * sizeof(*writers));
		lost += one_round(mem ? mem : all_mems[rounds % ARRAY_SIZE(all_mems)]);
		rounds++;
		for (i = 0; i < NWRITERS; i++) {
			writes += writers[i].writes;
			forks += writers[i].forks;
			moves += writers[i].moves;
			unbound += writers[i].gone;
		}
	}
	printf("# stress: writes %lu lost %lu rounds %lu forks %lu moves %lu unbound %lu\n",
	       writes, lost, rounds, forks, moves, unbound);
	printf("%s 1 - no write is lost\n", lost ? "not ok" : "ok");
	splats = mock_kmsg_splats(kmsg);
	printf("%s 2 - the kernel does not complain\n", splats ? "not ok" : "ok");

	return lost || splats ? 1 : 0;
}
