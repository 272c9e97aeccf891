// SPDX-License-Identifier: GPL-2.0
/* Unused results of fb_deferred_io_init(). */

static int plain_probe(struct hv_device *hdev, struct fb_info *info)
{
	info->screen_buffer = vzalloc(SIZE);
	info->fbdefio = &plain_defio;
	fb_deferred_io_init(info); /* bad */

	return register_framebuffer(info);
}

static int void_probe(struct spi_device *spi, struct fb_info *info)
{
	(void)fb_deferred_io_init(info); /* bad */

	return register_framebuffer(info);
}

static int overwritten_probe(struct spi_device *spi, struct fb_info *info)
{
	int ret;

	ret = fb_deferred_io_init(info); /* bad */
	ret = register_framebuffer(info);

	return ret;
}

static int forgotten_probe(struct spi_device *spi, struct fb_info *info)
{
	int ret;

	if (!info->fbdefio)
		return -EINVAL;
	ret = fb_deferred_io_init(info); /* bad */

	return register_framebuffer(info);
}

static int declared_probe(struct spi_device *spi, struct fb_info *info)
{
	int ret = fb_deferred_io_init(info); /* bad */

	return register_framebuffer(info);
}
