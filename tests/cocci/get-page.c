// SPDX-License-Identifier: GPL-2.0
/* The driver chooses its pages, but memory of the DMA layer has none to choose from. */

static struct page *foo_get_page(struct fb_info *info, unsigned long offset)
{
	struct page *page = virt_to_page(info->screen_buffer + offset);

	get_page(page);

	return page;
}

static int foo_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(0, &pdev->dev);
	struct foo_par *par = info->par;

	par->defio.get_page = foo_get_page;
	info->fbdefio = &par->defio;
	info->screen_buffer = dma_alloc_coherent(&pdev->dev, SIZE, &par->dma, GFP_KERNEL); /* bad */

	return fb_deferred_io_init(info);
}

/* No finding here, as get_page is set above. */
static int bar_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(0, &pdev->dev);

	info->fbdefio->get_page = foo_get_page;
	info->screen_buffer = alloc_pages_exact(SIZE, GFP_KERNEL | __GFP_ZERO);

	return fb_deferred_io_init(info);
}
