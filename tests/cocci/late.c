// SPDX-License-Identifier: GPL-2.0
/* What fb_deferred_io_init() looks at, set after the call. */

static int memory_probe(struct spi_device *spi, struct fb_info *info)
{
	int ret;

	info->fbdefio = &foo_defio;
	ret = fb_deferred_io_init(info); /* bad, twice */
	if (ret)
		return ret;

	info->fix.smem_len = info->fix.line_length * info->var.yres;
	info->screen_buffer = vzalloc(info->fix.smem_len);
	if (!info->screen_buffer) {
		fb_deferred_io_cleanup(info);
		return -ENOMEM;
	}

	return register_framebuffer(info);
}

static int base_probe(struct spi_device *spi)
{
	struct foo_par *par = devm_kzalloc(&spi->dev, sizeof(*par), GFP_KERNEL);

	par->info->fbdefio = &foo_defio;
	if (fb_deferred_io_init(par->info)) /* bad */
		return -EIO;
	if (par->width)
		par->info->screen_base = vmalloc(SIZE);

	return register_framebuffer(par->info);
}

static int defio_probe(struct spi_device *spi, struct fb_info *info)
{
	int ret;

	ret = fb_deferred_io_init(info); /* bad */
	info->fbdefio = &foo_defio;

	return ret ?: register_framebuffer(info);
}

static int flag_probe(struct spi_device *spi, struct fb_info *info)
{
	int ret;

	info->screen_buffer = alloc_pages_exact(SIZE, GFP_KERNEL | __GFP_ZERO);
	ret = fb_deferred_io_init(info); /* bad */
	info->flags |= FBINFO_VIRTFB | FBINFO_KMEMFB;

	return ret ?: register_framebuffer(info);
}
