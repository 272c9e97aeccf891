// SPDX-License-Identifier: GPL-2.0
/*
 * Draws a picture through mmap() on a mock framebuffer device and reports what
 * it cost and whether the panel shows it.
 *
 *	fb_defio_draw [-o panel.ppm] key=value...
 *
 * The parameters are those of the device, lib/tests/fb_defio_mock.c has them.
 * The results are lines "key value". Exit codes: 0 if all is as it should be, 1
 * if the picture got lost on the way, 2 if it could not be tried.
 */

#include <err.h>
#include <linux/fb.h>
#include <sys/ioctl.h>

#include "mock.h"

#define PRESSURE	(32UL << 20)

static struct mock mock;
static struct fb_var_screeninfo var;
static struct fb_fix_screeninfo fix;

/*
 * Drawing. Everything is derived from the size, so the picture is the same
 * whenever the size is.
 */

static uint32_t *pixel_at(uint8_t *fb, unsigned int x, unsigned int y)
{
	return (uint32_t *)(fb + (size_t)y * fix.line_length) + x;
}

static void draw_gradient(uint8_t *fb)
{
	unsigned int x, y, red, green, blue;

	for (y = 0; y < var.yres; y++) {
		for (x = 0; x < var.xres; x++) {
			red = x * 255 / var.xres;
			green = y * 255 / var.yres;
			blue = 255 - (red + green) / 2;
			*pixel_at(fb, x, y) = red << 16 | green << 8 | blue;
		}
	}
}

static void draw_rect(uint8_t *fb, unsigned int left, unsigned int top, unsigned int width,
		      unsigned int height, uint32_t colour)
{
	unsigned int x, y;

	for (y = top; y < top + height && y < var.yres; y++) {
		for (x = left; x < left + width && x < var.xres; x++)
			*pixel_at(fb, x, y) = colour;
	}
}

static void draw_disc(uint8_t *fb, long cx, long cy, long radius, uint32_t colour)
{
	long x, y;

	for (y = cy - radius; y <= cy + radius; y++) {
		for (x = cx - radius; x <= cx + radius; x++) {
			if (x < 0 || y < 0 || x >= var.xres || y >= var.yres)
				continue;
			if ((x - cx) * (x - cx) + (y - cy) * (y - cy) <= radius * radius)
				*pixel_at(fb, x, y) = colour;
		}
	}
}

/* One octal digit for each row of three dots, top row first. */
static unsigned int glyph(char c)
{
	static const unsigned int letters[] = {
		025755, 065656, 034443, 065556, 074647, 074644, 034553, 055755, 072227,
		011152, 055655, 044447, 057755, 065555, 025552, 065644, 025563, 065655,
		034216, 072222, 055557, 055552, 055775, 055255, 055222, 071247,
	};

	if (c >= 'A' && c <= 'Z')
		return letters[c - 'A'];
	if (c >= 'a' && c <= 'z')
		return letters[c - 'a'];

	return c == '_' ? 07 : 0;
}

static void draw_text(uint8_t *fb, unsigned int left, unsigned int top, unsigned int dot,
		      const char *text)
{
	unsigned int x, y;

	for (; *text; text++, left += 4 * dot) {
		for (y = 0; y < 5; y++) {
			for (x = 0; x < 3; x++) {
				if (glyph(*text) >> ((4 - y) * 3 + 2 - x) & 1)
					draw_rect(fb, left + x * dot, top + y * dot, dot, dot,
						  0xffffff);
			}
		}
	}
}

static void draw(uint8_t *fb, const char *mem)
{
	unsigned int dot = var.xres / 64 ? var.xres / 64 : 1;
	unsigned int i;

	draw_gradient(fb);
	for (i = 0; i < 8; i++)
		draw_rect(fb, i * var.xres / 8, var.yres - 6 * dot, var.xres / 8, 6 * dot,
			  (i & 4 ? 0xff0000 : 0) | (i & 2 ? 0xff00 : 0) | (i & 1 ? 0xff : 0));
	draw_disc(fb, var.xres * 3 / 4, var.yres / 2, var.yres / 5, 0xffd000);
	draw_disc(fb, var.xres * 3 / 4, var.yres / 2, var.yres / 8, 0x204080);
	draw_rect(fb, 2 * dot, 2 * dot, 50 * dot, 9 * dot, 0x000000);
	draw_text(fb, 4 * dot, 4 * dot, dot, "DEFERRED IO");
	draw_rect(fb, 2 * dot, 13 * dot, 50 * dot, 9 * dot, 0x203020);
	draw_text(fb, 4 * dot, 15 * dot, dot, mem);
}

static void write_panel(const char *path)
{
	uint8_t *panel, line[3];
	unsigned int x, y;
	uint32_t pixel;
	FILE *out;

	panel = malloc(fix.smem_len + 1);
	if (!panel)
		err(2, "panel");
	if (mock_read(&mock, "panel", (char *)panel, fix.smem_len + 1) != fix.smem_len)
		errx(2, "the panel cannot be read, is debugfs mounted?");

	out = fopen(path, "w");
	if (!out)
		err(2, "%s", path);
	fprintf(out, "P6\n%u %u\n255\n", var.xres, var.yres);
	for (y = 0; y < var.yres; y++) {
		for (x = 0; x < var.xres; x++) {
			pixel = *pixel_at(panel, x, y);
			line[0] = pixel >> 16;
			line[1] = pixel >> 8;
			line[2] = pixel;
			fwrite(line, sizeof(line), 1, out);
		}
	}
	if (ferror(out) || fclose(out))
		err(2, "%s", path);
	free(panel);
}

/* Takes one fault for each page that is written for the first time. */
static long touch_all(uint8_t *map, size_t npages, size_t page_size)
{
	long before = mock_faults();
	size_t i;

	for (i = 0; i < npages; i++)
		__atomic_store_n(&map[i * page_size], 0xff, __ATOMIC_SEQ_CST);

	return mock_faults() - before;
}

static void print_faults(const char *key, long faults, size_t npages)
{
	printf("%s %ld\n", key, faults);
	printf("%s_per_page %.2f\n", key, (double)faults / npages);
}

int main(int argc, char **argv)
{
	size_t page_size = sysconf(_SC_PAGESIZE), npages, len;
	const char *out = NULL, *mem = "vmalloc";
	char params[256] = "", *picture;
	long diff, lost = 0;
	int fd, ret, opt, i;
	uint8_t *map, *anon;

	/* Everything that was found out must be out when the kernel kills us. */
	setvbuf(stdout, NULL, _IOLBF, 0);

	while ((opt = getopt(argc, argv, "o:")) != -1) {
		if (opt != 'o')
			errx(2, "usage: %s [-o panel.ppm] key=value...", argv[0]);
		out = optarg;
	}
	for (i = optind; i < argc; i++) {
		if (!strncmp(argv[i], "mem=", 4))
			mem = argv[i] + 4;
		if (strlen(params) + strlen(argv[i]) + 2 > sizeof(params))
			errx(2, "too many parameters");
		strcat(params, argv[i]);
		strcat(params, " ");
	}

	if (!mock_is_available())
		errx(2, "no %s/create: mount debugfs, be root, set CONFIG_FB_DEFIO_MOCK",
		     MOCK_DEBUGFS);
	ret = mock_create(&mock, "%s", params);
	if (ret)
		errx(2, "no device with parameters \"%s\": %s", params, strerror(-ret));
	fd = mock_open(&mock, O_RDWR);
	if (fd < 0)
		errx(2, "framebuffer of %s cannot be opened: %s", mock.name, strerror(-fd));
	if (ioctl(fd, FBIOGET_VSCREENINFO, &var) || ioctl(fd, FBIOGET_FSCREENINFO, &fix))
		err(2, "FBIOGET_VSCREENINFO, FBIOGET_FSCREENINFO");
	len = fix.smem_len;
	npages = (len + page_size - 1) / page_size;

	printf("device %s\n", mock.name);
	printf("memory %s\n", mem);
	printf("width %u\n", var.xres);
	printf("height %u\n", var.yres);
	printf("bytes %zu\n", len);
	printf("pages %zu\n", npages);

	/* Brings in the code of touch_all() without counting faults. */
	anon = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (anon == MAP_FAILED)
		err(2, "mmap of anonymous memory");
	touch_all(anon, 1, page_size);

	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(2, "mmap of the framebuffer");
	print_faults("first_write_faults", touch_all(map, npages, page_size), npages);
	if (fsync(fd))
		err(2, "fsync");
	print_faults("rewrite_faults", touch_all(map, npages, page_size), npages);
	draw(map, mem);
	if (fsync(fd))
		err(2, "fsync");

	picture = malloc(len);
	if (!picture)
		err(2, "picture");
	memcpy(picture, map, len);
	diff = mock_panel_diff(&mock, fd, len);
	if (diff < 0)
		errx(2, "panel: %s", strerror(-diff));

	printf("flushes %lld\n", mock_stat(&mock, "flushes"));
	printf("flushed_pages %lld\n", mock_stat(&mock, "pages"));
	printf("bad_pages %lld\n", mock_stat(&mock, "bad_pages"));
	printf("panel_differs_pages %ld\n", diff);
	printf("panel_equals_framebuffer %s\n", diff ? "no" : "yes");
	if (out)
		write_panel(out);

	/* Who gets the memory of the framebuffer after munmap()? Nobody. */
	if (munmap(map, len))
		err(2, "munmap");
	anon = mock_press_memory(PRESSURE);
	if (anon == MAP_FAILED)
		err(2, "mmap of anonymous memory");
	for (i = 0; i < (int)npages; i++) {
		size_t n = len - i * page_size < page_size ? len - i * page_size : page_size;
		char page[page_size];

		if (pread(fd, page, n, i * page_size) != (ssize_t)n)
			err(2, "read of the framebuffer");
		if (memcmp(page, picture + i * page_size, n))
			lost++;
	}
	munmap(anon, PRESSURE);
	printf("stolen_pages %ld\n", lost);

	close(fd);
	ret = mock_delete(&mock);
	if (ret)
		errx(2, "%s cannot be deleted: %s", mock.name, strerror(-ret));

	return diff || lost;
}
