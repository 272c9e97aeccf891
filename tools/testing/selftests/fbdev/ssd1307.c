// SPDX-License-Identifier: GPL-2.0
/*
 * The driver ssd1307fb, as it is, on an emulated controller
 * (CONFIG_SSD1307_I2C_MOCK). What a program draws to /dev/fbN has to come out
 * of the I2C bus as the same pixels, and the driver can be unbound at any time.
 *
 * The driver flushes one second after a first write. Tests that do not want to
 * wait use fsync().
 *
 * A test also fails if the kernel complains in its log meanwhile. These cases
 * show bugs of a driver that does not have FBINFO_KMEMFB. Run each one after a
 * boot of its own with "-r <name>".
 *
 *  ssd1307.ssd1306.unbind
 *	remove passes the address of the framebuffer to __free_pages() (needs
 *	DEBUG_VM to be seen)
 *  ssd1307.ssd1306.memory_comes_back
 *	and leaks it
 *  ssd1307.ssd1306.unbind_mapped
 *	struct fb_info is released while the framebuffer is open
 *  ssd1307_probe.probe_fails_first
 *	probe passes that address to __free_pages(), too, when it fails (needs
 *	DEBUG_VM to be seen)
 */

#include <dirent.h>
#include <linux/fb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "../kselftest_harness.h"
#include "mock.h"

#define SSD_DEBUGFS	"/sys/kernel/debug/ssd1307_i2c_mock/"
#define SSD_DRIVER	"/sys/bus/i2c/drivers/ssd1307fb/"

#define EXPECT_ERRNO(err, expr) do { \
	errno = 0; \
	EXPECT_EQ(-1, (long)(expr)); \
	EXPECT_EQ(err, errno); \
} while (0)

static int ssd_bind(const char *device)
{
	return mock_write_file(SSD_DRIVER "bind", device);
}

static int ssd_unbind(const char *device)
{
	return mock_write_file(SSD_DRIVER "unbind", device);
}

static long long ssd_state(const char *name)
{
	return mock_value_in(SSD_DEBUGFS "state", name);
}

static int ssd_slow(const char *ms)
{
	return mock_write_file(SSD_DEBUGFS "slow_ms", ms);
}

/* Is a slow transfer under way? Does not wait for it, as ssd_state() does. */
static long ssd_sending(void)
{
	char buf[8];
	long ret = mock_read_file(SSD_DEBUGFS "sending", buf, sizeof(buf));

	return ret < 0 ? ret : strtol(buf, NULL, 10);
}

/* Opens the framebuffer that the device has now. */
static int ssd_open(const char *device)
{
	char path[320];
	struct dirent *entry;
	int fd = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/i2c/devices/%s/graphics", device);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "fb", 2))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		break;
	}
	closedir(dir);

	return fd;
}

struct screen {
	unsigned int width;
	unsigned int height;
	size_t pitch;
	size_t len;	/* of the framebuffer in bytes */
	uint8_t *want;	/* what the display has to show */
};

FIXTURE(ssd1307)
{
	char device[32];
	struct screen screen;
	size_t map_len;
	int kmsg;
	int fd;
	uint8_t *map;	/* all of it, shared and writable; nothing touched */
};

FIXTURE_VARIANT(ssd1307)
{
	const char *create;
	unsigned int width;
	unsigned int height;
};

/* The usual module. */
FIXTURE_VARIANT_ADD(ssd1307, ssd1306)
{
	.create = "ssd1306fb width=128 height=64 page-offset=0 com-invdir",
	.width = 128,
	.height = 64,
};

/* Neither fills its last byte or page, and both begin somewhere in the RAM. */
FIXTURE_VARIANT_ADD(ssd1307, odd_width)
{
	.create = "ssd1305fb width=132 height=64 page-offset=3 col-offset=2",
	.width = 132,
	.height = 64,
};

FIXTURE_VARIANT_ADD(ssd1307, odd_height)
{
	.create = "ssd1309fb height=39",
	.width = 96,
	.height = 39,
};

/* More than one page of memory, which no module is large enough for. */
FIXTURE_VARIANT_ADD(ssd1307, two_pages)
{
	.create = "ssd1306fb width=248 height=256 page-offset=0",
	.width = 248,
	.height = 256,
};

FIXTURE_SETUP(ssd1307)
{
	struct fb_fix_screeninfo fix;
	struct fb_var_screeninfo var;
	size_t page_size = sysconf(_SC_PAGESIZE);

	mock_probe_init();
	self->map = MAP_FAILED;
	self->fd = -1;
	self->screen.want = NULL;

	if (access(SSD_DEBUGFS "create", W_OK) || access(SSD_DRIVER, X_OK))
		SKIP(return, "needs CONFIG_SSD1307_I2C_MOCK, FB_SSD1307 and debugfs, as root");

	self->kmsg = mock_kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, mock_write_file(SSD_DEBUGFS "create", variant->create));
	ASSERT_LT(0, mock_read_file(SSD_DEBUGFS "device", self->device, sizeof(self->device)));
	self->device[strcspn(self->device, "\n")] = '\0';

	self->fd = ssd_open(self->device);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioctl(self->fd, FBIOGET_VSCREENINFO, &var));
	ASSERT_EQ(0, ioctl(self->fd, FBIOGET_FSCREENINFO, &fix));
	EXPECT_EQ(variant->width, var.xres);
	EXPECT_EQ(variant->height, var.yres);
	self->screen.width = variant->width;
	self->screen.height = variant->height;
	self->screen.pitch = fix.line_length;
	self->screen.len = fix.smem_len;
	ASSERT_LE(self->screen.height * self->screen.pitch, self->screen.len);
	self->map_len = (self->screen.len + page_size - 1) / page_size * page_size;

	self->screen.want = calloc(1, self->screen.len);
	ASSERT_NE(NULL, self->screen.want);
	self->map = mmap(NULL, self->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(ssd1307)
{
	/* No command that a controller would not know, no pixel beside the display. */
	EXPECT_EQ(0, ssd_state("errors"));
	EXPECT_EQ(0, ssd_state("stray"));
	if (self->map != MAP_FAILED)
		EXPECT_EQ(0, munmap(self->map, self->map_len));
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, mock_write_file(SSD_DEBUGFS "delete", "1"));
	EXPECT_EQ(0, ssd_state("on"));
	EXPECT_EQ(0, mock_kmsg_splats(self->kmsg));
	free(self->screen.want);
}

/* Draws a byte, eight pixels, through a mapping. */
static void draw(struct screen *screen, uint8_t *map, size_t i, uint8_t val)
{
	__atomic_store_n(&map[i], val, __ATOMIC_SEQ_CST);
	screen->want[i] = val;
}

/* Something in which a pixel at the wrong place shows. */
static uint8_t pattern(size_t i, unsigned int seed)
{
	uint32_t x = (i + 1) * 2654435761u ^ seed * 40503u;

	return x >> 13;
}

static void draw_pattern(struct screen *screen, uint8_t *map, unsigned int seed)
{
	size_t i;

	for (i = 0; i < screen->len; i++)
		draw(screen, map, i, pattern(i, seed));
}

/* Number of pixels that the display shows and should not, or the other way round. */
static long picture_diff(struct screen *screen)
{
	size_t size = 64 + screen->height * (screen->width + 1);
	unsigned int x, y, width, height;
	long ret, diff = 0;
	char *buf, *pos;
	int head;

	buf = malloc(size);
	if (!buf)
		return -ENOMEM;
	ret = mock_read_file(SSD_DEBUGFS "picture", buf, size);
	if (ret < 0)
		goto out;

	ret = -EIO;
	if (sscanf(buf, "P1\n%u %u\n%n", &width, &height, &head) != 2 ||
	    width != screen->width || height != screen->height ||
	    strlen(buf) != head + height * (width + 1UL))
		goto out;

	pos = buf + head;
	for (y = 0; y < height; y++, pos++) {
		for (x = 0; x < width; x++, pos++) {
			bool want = screen->want[y * screen->pitch + x / 8] >> x % 8 & 1;

			if (*pos == (want ? '1' : '0'))
				continue;
			if (!diff)
				fprintf(stderr, "# picture differs first at %u, %u\n", x, y);
			diff++;
		}
	}
	ret = diff;
out:
	free(buf);
	return ret;
}

#define EXPECT_SHOWN() do { \
	EXPECT_EQ(0, fsync(self->fd)); \
	EXPECT_EQ(0, picture_diff(&self->screen)); \
} while (0)

/* The display is on, and what was in its RAM before is gone. */
TEST_F(ssd1307, starts_black)
{
	EXPECT_EQ(1, ssd_state("on"));
	EXPECT_EQ(127, ssd_state("contrast"));
	EXPECT_EQ(0, picture_diff(&self->screen));
}

/* What is drawn through a mapping is shown, at first and after each flush. */
TEST_F(ssd1307, draw_mapped)
{
	struct screen *screen = &self->screen;
	unsigned int round;
	size_t i;

	for (round = 0; round < 3; round++) {
		draw_pattern(screen, self->map, round);
		EXPECT_SHOWN();
	}

	/* Eight pixels at a time, in all parts of the framebuffer. */
	for (i = 0; i < screen->len; i += screen->len / 5) {
		draw(screen, self->map, i, ~screen->want[i]);
		EXPECT_SHOWN();
	}
	draw(screen, self->map, screen->len - 1, ~screen->want[screen->len - 1]);
	EXPECT_SHOWN();
}

/* It is also shown if nobody calls fsync(). */
TEST_F(ssd1307, draw_and_wait)
{
	long long before = ssd_state("transfers");

	draw_pattern(&self->screen, self->map, 1);
	/* A flush that comes while this draws shows a part of it. */
	while (picture_diff(&self->screen))
		usleep(100000);
	EXPECT_LT(before, ssd_state("transfers"));
}

/* write() causes no faults; the driver notices it all the same. */
TEST_F(ssd1307, draw_by_write)
{
	struct screen *screen = &self->screen;
	size_t i;

	for (i = 0; i < screen->len; i++)
		screen->want[i] = pattern(i, 7);
	EXPECT_EQ((ssize_t)screen->len, pwrite(self->fd, screen->want, screen->len, 0));
	EXPECT_SHOWN();

	/* Both ways meet in the same memory. */
	draw(screen, self->map, 3, ~screen->want[3]);
	screen->want[9] = ~screen->want[9];
	EXPECT_EQ(1, pwrite(self->fd, &screen->want[9], 1, 9));
	EXPECT_SHOWN();
}

/* Mappings that contiguous memory cannot have. */
TEST_F(ssd1307, mmap_refused)
{
	EXPECT_ERRNO(EINVAL, mmap(NULL, self->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE,
				  self->fd, 0));
	EXPECT_ERRNO(EINVAL, mmap(NULL, self->map_len + 1, PROT_READ | PROT_WRITE, MAP_SHARED,
				  self->fd, 0));
	EXPECT_ERRNO(EINVAL, mmap(NULL, 1, PROT_READ, MAP_SHARED, self->fd, self->map_len));
}

/* A screen grabber's mapping: private, read-only, and it shows what is drawn. */
TEST_F(ssd1307, private_read_only)
{
	uint8_t *map = mmap(NULL, self->map_len, PROT_READ, MAP_PRIVATE, self->fd, 0);

	ASSERT_NE(MAP_FAILED, map);
	draw_pattern(&self->screen, self->map, 1);
	EXPECT_EQ(0, memcmp(map, self->screen.want, self->screen.len));
	EXPECT_SHOWN();
	draw_pattern(&self->screen, self->map, 2);
	EXPECT_EQ(0, memcmp(map, self->screen.want, self->screen.len));
	EXPECT_SHOWN();
	EXPECT_ERRNO(EACCES, mprotect(map, self->map_len, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, munmap(map, self->map_len));
}

TEST_F(ssd1307, blank)
{
	EXPECT_EQ(0, ioctl(self->fd, FBIOBLANK, FB_BLANK_POWERDOWN));
	EXPECT_EQ(0, ssd_state("on"));
	EXPECT_EQ(0, ioctl(self->fd, FBIOBLANK, FB_BLANK_UNBLANK));
	EXPECT_EQ(1, ssd_state("on"));
}

/* Unbind with nothing open, and what is drawn after the next bind. */
TEST_F(ssd1307, unbind)
{
	unsigned int round;

	for (round = 0; round < 3; round++) {
		draw_pattern(&self->screen, self->map, round);
		EXPECT_SHOWN();
		EXPECT_EQ(0, munmap(self->map, self->map_len));
		self->map = MAP_FAILED;
		EXPECT_EQ(0, close(self->fd));
		self->fd = -1;

		EXPECT_EQ(0, ssd_unbind(self->device));
		EXPECT_EQ(0, ssd_state("on"));
		ASSERT_EQ(0, ssd_bind(self->device));
		EXPECT_EQ(1, ssd_state("on"));
		memset(self->screen.want, 0, self->screen.len);
		EXPECT_EQ(0, picture_diff(&self->screen));

		self->fd = ssd_open(self->device);
		ASSERT_LE(0, self->fd);
		self->map = mmap(NULL, self->map_len, PROT_READ | PROT_WRITE, MAP_SHARED,
				 self->fd, 0);
		ASSERT_NE(MAP_FAILED, self->map);
	}
}

/*
 * The driver gives its memory back. If it does not, no two bindings get the
 * same memory. If it does, the page allocator is likely to hand out what it has
 * got last, and does so sooner or later.
 */
TEST_F(ssd1307, memory_comes_back)
{
	unsigned long start[64];
	struct fb_fix_screeninfo fix;
	unsigned int i, j, again = 0;

	EXPECT_EQ(0, munmap(self->map, self->map_len));
	self->map = MAP_FAILED;
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;

	for (i = 0; i < 64 && !again; i++) {
		ASSERT_EQ(0, ssd_unbind(self->device));
		ASSERT_EQ(0, ssd_bind(self->device));
		self->fd = ssd_open(self->device);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, ioctl(self->fd, FBIOGET_FSCREENINFO, &fix));
		EXPECT_EQ(0, close(self->fd));
		self->fd = -1;
		start[i] = fix.smem_start;
		for (j = 0; j < i; j++) {
			if (start[j] == start[i]) {
				again++;
				break;
			}
		}
	}
	EXPECT_LT(0, again);
}

/*
 * Unbind with the framebuffer mapped and open: what was drawn last is shown, the
 * mapping is dead, and the file can only be closed. Then the driver is bound
 * again, and the old file does not get in its way.
 */
TEST_F(ssd1307, unbind_mapped)
{
	uint8_t *map;
	uint8_t c;
	int fd;

	draw_pattern(&self->screen, self->map, 1);
	EXPECT_SHOWN();
	draw_pattern(&self->screen, self->map, 2);
	EXPECT_EQ(0, ssd_unbind(self->device));
	EXPECT_EQ(0, picture_diff(&self->screen));
	EXPECT_EQ(0, ssd_state("on"));

	EXPECT_EQ(SIGBUS, mock_probe_write(self->map, 1));
	EXPECT_EQ(SIGBUS, mock_probe_read(self->map));
	EXPECT_EQ(SIGBUS, mock_probe_read(self->map + self->screen.len - 1));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_ERRNO(ENODEV, pread(self->fd, &c, 1, 0));
	EXPECT_ERRNO(ENODEV, pwrite(self->fd, &c, 1, 0));
	EXPECT_ERRNO(ENODEV, ioctl(self->fd, FBIOBLANK, FB_BLANK_UNBLANK));
	EXPECT_ERRNO(ENODEV, mmap(NULL, self->map_len, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(0, ssd_state("on"));

	ASSERT_EQ(0, ssd_bind(self->device));
	fd = ssd_open(self->device);
	ASSERT_LE(0, fd);
	map = mmap(NULL, self->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	memset(self->screen.want, 0, self->screen.len);
	EXPECT_EQ(0, picture_diff(&self->screen));
	draw_pattern(&self->screen, map, 3);
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(0, picture_diff(&self->screen));
	EXPECT_EQ(SIGBUS, mock_probe_write(self->map, 1));

	EXPECT_EQ(0, munmap(self->map, self->map_len));
	EXPECT_EQ(0, close(self->fd));
	self->map = map;
	self->fd = fd;
	draw_pattern(&self->screen, self->map, 4);
	EXPECT_SHOWN();
}

/* A file that is closed before its mapping goes, and both after the device. */
TEST_F(ssd1307, close_after_unbind)
{
	draw_pattern(&self->screen, self->map, 1);
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, ssd_unbind(self->device));
	EXPECT_EQ(0, picture_diff(&self->screen));
	EXPECT_EQ(SIGBUS, mock_probe_read(self->map));
	EXPECT_EQ(0, munmap(self->map, self->map_len));
	self->map = MAP_FAILED;
	ASSERT_EQ(0, ssd_bind(self->device));
}

/* Each transfer of probe is refused once; what probe had until then is undone. */
TEST_F(ssd1307, probe_fails)
{
	char text[16];
	int nth, ret;

	EXPECT_EQ(0, munmap(self->map, self->map_len));
	self->map = MAP_FAILED;
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, ssd_unbind(self->device));

	for (nth = 1; nth < 100; nth++) {
		snprintf(text, sizeof(text), "%d", nth);
		ASSERT_EQ(0, mock_write_file(SSD_DEBUGFS "nack", text));
		ret = ssd_bind(self->device);
		if (!ret)
			break;
		EXPECT_EQ(-ENXIO, ret);
		EXPECT_EQ(-ENOENT, ssd_open(self->device));
	}
	/* The commands of the data sheet's start-up, one per transfer */
	EXPECT_LT(20, nth);
	EXPECT_GT(100, nth);
	ASSERT_EQ(0, mock_write_file(SSD_DEBUGFS "nack", "0"));

	self->fd = ssd_open(self->device);
	ASSERT_LE(0, self->fd);
	self->map = mmap(NULL, self->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	draw_pattern(&self->screen, self->map, 1);
	EXPECT_SHOWN();
}

struct user {
	pthread_t thread;
	const char *device;
	size_t len;
	atomic_bool stop;
	atomic_ulong rounds;
	bool bad;
};

/* Everything that makes the driver talk to the controller, while it goes away. */
static void *user_run(void *arg)
{
	struct user *user = arg;
	uint8_t *map;
	size_t i;
	int fd;

	while (!atomic_load(&user->stop)) {
		fd = ssd_open(user->device);
		if (fd < 0) {
			/* there is none now, or it has just gone */
			if (fd != -ENOENT && fd != -ENODEV && fd != -ENXIO)
				user->bad = true;
			sched_yield();
			continue;
		}
		map = mmap(NULL, user->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED && errno != ENODEV)
			user->bad = true;
		for (i = 0; i < user->len && map != MAP_FAILED; i += 64) {
			if (mock_probe_write(map + i, i))
				break;
			if (i % 256)
				continue;
			if (ioctl(fd, FBIOBLANK, i & 256 ? FB_BLANK_NORMAL : FB_BLANK_UNBLANK) &&
			    errno != ENODEV)
				user->bad = true;
			if (pwrite(fd, &i, 1, i) != 1 && errno != ENODEV)
				user->bad = true;
		}
		if (fsync(fd))
			user->bad = true;
		if (map != MAP_FAILED)
			munmap(map, user->len);
		close(fd);
		atomic_fetch_add(&user->rounds, 1);
	}

	return NULL;
}

/* Unbind meets mappings, ioctls, write() and transfers, at any step. */
TEST_F(ssd1307, unbind_load)
{
	struct user users[2] = {};
	unsigned long seen;
	long long data;
	int round, i;

	/* So that unbind is likely to meet one. */
	ASSERT_EQ(0, ssd_slow("5"));
	for (i = 0; i < 2; i++) {
		users[i].device = self->device;
		users[i].len = self->screen.len;
		ASSERT_EQ(0, pthread_create(&users[i].thread, NULL, user_run, &users[i]));
	}
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 2; i++) {
			seen = atomic_load(&users[i].rounds);
			while (atomic_load(&users[i].rounds) == seen)
				sched_yield();
		}
		EXPECT_EQ(0, ssd_unbind(self->device));
		EXPECT_EQ(0, ssd_sending());
		/* The last thing that the controller has heard. */
		data = ssd_state("data");
		usleep(20000);
		EXPECT_EQ(data, ssd_state("data"));
		EXPECT_EQ(0, ssd_state("on"));
		EXPECT_EQ(0, ssd_bind(self->device));
		if (!round)
			EXPECT_EQ(SIGBUS, mock_probe_write(self->map, 1));
	}
	for (i = 0; i < 2; i++)
		atomic_store(&users[i].stop, true);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, pthread_join(users[i].thread, NULL));
		EXPECT_FALSE(users[i].bad);
	}
	EXPECT_EQ(0, ssd_slow("0"));

	EXPECT_EQ(0, munmap(self->map, self->map_len));
	EXPECT_EQ(0, close(self->fd));
	self->map = MAP_FAILED;
	self->fd = ssd_open(self->device);
	ASSERT_LE(0, self->fd);
	self->map = mmap(NULL, self->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	draw_pattern(&self->screen, self->map, 1);
	EXPECT_SHOWN();
}

/* fsync() waits for its transfer, and unbind for the one that is under way. */
TEST_F(ssd1307, slow_bus)
{
	struct flusher flusher = { .fd = self->fd };

	ASSERT_EQ(0, ssd_slow("1000"));
	draw_pattern(&self->screen, self->map, 1);
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, ssd_sending());
	EXPECT_EQ(0, picture_diff(&self->screen));

	draw_pattern(&self->screen, self->map, 2);
	ASSERT_EQ(0, pthread_create(&flusher.thread, NULL, flusher_run, &flusher));
	while (!ssd_sending())
		usleep(1000);
	EXPECT_EQ(0, ssd_unbind(self->device));
	EXPECT_EQ(0, ssd_sending());
	EXPECT_EQ(0, pthread_join(flusher.thread, NULL));
	EXPECT_EQ(0, flusher.err);
	EXPECT_EQ(0, picture_diff(&self->screen));
	EXPECT_EQ(SIGBUS, mock_probe_write(self->map, 1));
	ASSERT_EQ(0, ssd_slow("0"));
	ASSERT_EQ(0, ssd_bind(self->device));
}

/*
 * A display that has never been bound, so that nothing but probe is to blame
 */

FIXTURE(ssd1307_probe)
{
	int kmsg;
};

FIXTURE_SETUP(ssd1307_probe)
{
	if (access(SSD_DEBUGFS "create", W_OK) || access(SSD_DRIVER, X_OK))
		SKIP(return, "needs CONFIG_SSD1307_I2C_MOCK, FB_SSD1307 and debugfs, as root");

	self->kmsg = mock_kmsg_open();
	ASSERT_LE(0, self->kmsg);
}

FIXTURE_TEARDOWN(ssd1307_probe)
{
	EXPECT_EQ(0, mock_write_file(SSD_DEBUGFS "delete", "1"));
	EXPECT_EQ(0, mock_kmsg_splats(self->kmsg));
}

/* The controller does not answer, be it from the beginning or from later on. */
TEST_F(ssd1307_probe, probe_fails_first)
{
	static const char * const nacks[] = { "1", "2", "12" };
	char device[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(nacks); i++) {
		ASSERT_EQ(0, mock_write_file(SSD_DEBUGFS "nack", nacks[i]));
		EXPECT_EQ(-ENODEV, mock_write_file(SSD_DEBUGFS "create", "ssd1306fb"));
		EXPECT_EQ(-ENODEV, mock_read_file(SSD_DEBUGFS "device", device,
						  sizeof(device)));
	}

	EXPECT_EQ(0, mock_write_file(SSD_DEBUGFS "create", "ssd1306fb"));
	EXPECT_EQ(1, ssd_state("on"));
}

TEST_HARNESS_MAIN
