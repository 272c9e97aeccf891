// SPDX-License-Identifier: GPL-2.0
/* lcd-physical.c, oled.c and epaper.c as docs/migration.md would have them. */

static void mlcd_destroy(struct fb_info *info)
{
	free_pages((unsigned long)info->screen_buffer, get_order(info->fix.smem_len));
	framebuffer_release(info);
}

static const struct fb_ops mlcd_ops = {
	.owner		= THIS_MODULE,
	FB_DEFAULT_DEFERRED_OPS(mlcd),
	.fb_destroy	= mlcd_destroy,
};

static int mlcd_probe(struct spi_device *spi)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct mlcd_par), &spi->dev);
	struct mlcd_par *par;
	int ret;

	if (!info)
		return -ENOMEM;
	par = info->par;
	info->fbops = &mlcd_ops;
	info->fix.smem_len = MLCD_SIZE;
	info->screen_buffer = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, get_order(MLCD_SIZE));
	if (!info->screen_buffer) {
		framebuffer_release(info);
		return -ENOMEM;
	}
	info->flags = FBINFO_VIRTFB | FBINFO_KMEMFB;
	par->defio.delay = HZ / 10;
	par->defio.deferred_io = mlcd_deferred_io;
	info->fbdefio = &par->defio;

	ret = fb_deferred_io_init(info);
	if (ret) {
		mlcd_destroy(info);
		return ret;
	}
	ret = register_framebuffer(info);
	if (ret) {
		fb_deferred_io_cleanup(info);
		mlcd_destroy(info);
		return ret;
	}
	spi_set_drvdata(spi, info);

	return 0;
}

static void mlcd_remove(struct spi_device *spi)
{
	struct fb_info *info = spi_get_drvdata(spi);

	fb_deferred_io_cleanup(info);
	unregister_framebuffer(info);
}

static struct spi_driver mlcd_driver = {
	.probe	= mlcd_probe,
	.remove	= mlcd_remove,
};

static void oled_destroy(struct fb_info *info)
{
	free_pages_exact(info->screen_buffer, PAGE_ALIGN(info->fix.smem_len));
	framebuffer_release(info);
}

static const struct fb_ops oled_ops = {
	.owner		= THIS_MODULE,
	FB_DEFAULT_DEFERRED_OPS(oled),
	.fb_destroy	= oled_destroy,
};

static int oled_probe(struct i2c_client *client)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct oled_par), &client->dev);

	info->fbops = &oled_ops;
	info->screen_buffer = alloc_pages_exact(PAGE_ALIGN(OLED_SIZE), GFP_KERNEL | __GFP_ZERO);
	info->flags |= FBINFO_VIRTFB | FBINFO_KMEMFB;

	return fb_deferred_io_init(info);
}

/* A controller that reads when it is told to. */
static void epd_destroy(struct fb_info *info)
{
	struct epd *epd = info->par;

	dma_free_noncoherent(epd->dev, PAGE_ALIGN(info->fix.smem_len), info->screen_buffer,
			     epd->dma, DMA_TO_DEVICE);
	put_device(epd->dev);
	framebuffer_release(info);
}

static const struct fb_ops epd_ops = {
	.owner		= THIS_MODULE,
	FB_DEFAULT_DEFERRED_OPS(epd),
	.fb_destroy	= epd_destroy,
};

static int epd_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct epd), &pdev->dev);
	struct epd *epd = info->par;

	epd->dev = get_device(&pdev->dev);
	info->fbops = &epd_ops;
	info->screen_buffer = dma_alloc_noncoherent(epd->dev, PAGE_ALIGN(info->fix.smem_len), &epd->dma,
						    DMA_TO_DEVICE, GFP_KERNEL | __GFP_ZERO);
	info->flags |= FBINFO_VIRTFB | FBINFO_KMEMFB;

	return fb_deferred_io_init(info);
}

/* And one that reads all the time: what it reads is no framebuffer. */
static int scan_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct scan), &pdev->dev);
	struct scan *scan = info->par;

	scan->scanout = dma_alloc_wc(&pdev->dev, info->fix.smem_len, &scan->dma, GFP_KERNEL);
	info->screen_buffer = vzalloc(info->fix.smem_len);
	info->flags |= FBINFO_VIRTFB;

	return fb_deferred_io_init(info);
}

static void scan_remove(struct platform_device *pdev)
{
	struct fb_info *info = platform_get_drvdata(pdev);
	struct scan *scan = info->par;

	fb_deferred_io_cleanup(info);
	unregister_framebuffer(info);
	dma_free_wc(&pdev->dev, info->fix.smem_len, scan->scanout, scan->dma);
}

static struct platform_driver scan_driver = {
	.probe	= scan_probe,
	.remove	= scan_remove,
};
