// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the DMA layer: bad for the channel, which has deferred I/O, and right
 * for the overlay, which has not. FBINFO_KMEMFB makes it no better.
 */

static int chan_fb_init(struct lcdc_chan *ch)
{
	struct fb_info *info = framebuffer_alloc(0, ch->dev);

	ch->info = info;
	info->flags |= FBINFO_VIRTFB | FBINFO_KMEMFB;
	info->screen_buffer = ch->fb_mem;
	info->fix.smem_start = ch->dma_handle;

	return 0;
}

static int overlay_fb_init(struct lcdc_overlay *ovl)
{
	struct fb_info *info = framebuffer_alloc(0, ovl->dev);

	ovl->info = info;
	info->flags |= FBINFO_VIRTFB;
	info->screen_buffer = ovl->fb_mem;
	info->fix.smem_start = ovl->dma_handle;

	return register_framebuffer(info);
}

static int lcdc_init(struct lcdc_chan *ch, struct lcdc_overlay *ovl)
{
	ch->descriptors = dma_alloc_coherent(ch->dev, PAGE_SIZE, &ch->descriptors_dma, GFP_KERNEL);
	ch->fb_mem = dma_alloc_coherent(ch->dev, ch->fb_size, /* bad */
					&ch->dma_handle, GFP_KERNEL);
	ovl->fb_mem = dma_alloc_coherent(ovl->dev, ovl->fb_size, &ovl->dma_handle, GFP_KERNEL);

	return chan_fb_init(ch) ?: overlay_fb_init(ovl);
}

static int lcdc_start(struct lcdc_chan *ch)
{
	struct fb_info *info = ch->info;

	info->fbdefio = &ch->defio;

	return fb_deferred_io_init(info);
}

static int wc_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(0, &pdev->dev);

	info->screen_buffer = dmam_alloc_wc(&pdev->dev, SIZE, &info->fix.smem_start, GFP_KERNEL); /* bad, twice */

	return fb_deferred_io_init(info);
}
