// SPDX-License-Identifier: GPL-2.0
/* The driver chooses its pages itself. */

static struct page *foo_get_page(struct fb_info *info, unsigned long offset)
{
	struct page *page = virt_to_page(info->screen_buffer + offset);

	get_page(page);

	return page;
}

static struct fb_deferred_io foo_defio = {
	.delay		= HZ / 20,
	.get_page	= foo_get_page,
	.deferred_io	= foo_deferred_io,
};

static int foo_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(0, &pdev->dev);

	info->screen_buffer = alloc_pages_exact(SIZE, GFP_KERNEL | __GFP_ZERO);
	info->fbdefio = &foo_defio;

	return fb_deferred_io_init(info);
}
