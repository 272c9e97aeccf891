// SPDX-License-Identifier: GPL-2.0
/*
 * An e-ink controller that reads the framebuffer by DMA. Its fb_info is part of
 * the driver's structure, and deferred I/O is for one of its modes.
 */

static struct fb_deferred_io epd_defio = {
	.delay		= HZ,
	.deferred_io	= epd_deferred_io,
};

static int epd_map_memory(struct epd *epd)
{
	struct fb_info *info = &epd->info;

	epd->waveform = dma_alloc_coherent(epd->dev, epd->waveform_size, &epd->waveform_dma, GFP_KERNEL);
	info->screen_base = dma_alloc_wc(epd->dev, info->fix.smem_len, &epd->dma, GFP_DMA | GFP_KERNEL); /* bad */
	if (!epd->waveform || !info->screen_base)
		return -ENOMEM;
	info->fix.smem_start = epd->dma;

	return 0;
}

static int epd_set_mode(u32 mode, struct fb_info *info)
{
	struct epd *epd = (struct epd *)info;

	if (mode == EPD_AUTOMATIC && epd->mode != mode) {
		info->fbdefio = &epd_defio;
		fb_deferred_io_init(info); /* bad */
	} else if (mode != EPD_AUTOMATIC && epd->mode == EPD_AUTOMATIC) {
		fb_deferred_io_cleanup(info);
	}
	epd->mode = mode;

	return 0;
}

static int epd_probe(struct platform_device *pdev)
{
	struct epd *epd = (struct epd *)framebuffer_alloc(sizeof(*epd), &pdev->dev);
	int ret;

	epd->dev = &pdev->dev;
	ret = epd_map_memory(epd);
	if (ret)
		return ret;
	platform_set_drvdata(pdev, epd);

	return register_framebuffer(&epd->info);
}

static int epd_remove(struct platform_device *pdev)
{
	struct epd *epd = platform_get_drvdata(pdev);

	epd_set_mode(EPD_REGION, &epd->info);
	unregister_framebuffer(&epd->info);
	dma_free_coherent(epd->dev, epd->waveform_size, epd->waveform, epd->waveform_dma);
	dma_free_wc(epd->dev, epd->info.fix.smem_len, epd->info.screen_base, epd->info.fix.smem_start); /* bad */
	framebuffer_release(&epd->info);

	return 0;
}

static struct platform_driver epd_driver = {
	.probe	= epd_probe,
	.remove	= epd_remove,
};

/* An older one, with the names of that time. */
static int old_epd_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(0, &pdev->dev);
	dma_addr_t dma;

	info->screen_base = (char __iomem *)dma_alloc_writecombine(&pdev->dev, SIZE, &dma, GFP_KERNEL); /* bad */
	info->fix.smem_start = (unsigned long)dma;
	info->fbdefio = &epd_defio;

	return fb_deferred_io_init(info);
}
