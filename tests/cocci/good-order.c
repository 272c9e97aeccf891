// SPDX-License-Identifier: GPL-2.0
/*
 * Cleanup that does nothing because it was called before, or because init has
 * failed, and init that is called again.
 */

static void foo_destroy(struct fb_info *info)
{
	fb_deferred_io_cleanup(info);
	vfree(info->screen_buffer);
	framebuffer_release(info);
}

static const struct fb_ops foo_ops = {
	.owner		= THIS_MODULE,
	FB_DEFAULT_DEFERRED_OPS(foo),
	.fb_destroy	= foo_destroy,
};

static void foo_remove(struct platform_device *pdev)
{
	struct fb_info *info = platform_get_drvdata(pdev);

	fb_deferred_io_cleanup(info);
	unregister_framebuffer(info);
}

static int foo_init(struct fb_info *info)
{
	int ret;

	info->fbdefio = &foo_defio;
	ret = fb_deferred_io_init(info);
	if (ret) {
		fb_deferred_io_cleanup(info);
		vfree(info->screen_buffer);
		info->screen_buffer = NULL;
		info->fbdefio = NULL;
	}

	return ret;
}

static int foo_probe(struct fb_info *info)
{
	int ret;

	ret = fb_deferred_io_init(info);
	if (ret)
		return ret;
	ret = register_framebuffer(info);
	if (ret) {
		fb_deferred_io_cleanup(info);
		info->fix.smem_len = 0;
	}

	return ret;
}

static int foo_set_par(struct fb_info *info)
{
	int ret;

	ret = fb_deferred_io_init(info);
	if (ret)
		return ret;
	fb_deferred_io_cleanup(info);
	info->fix.smem_len = info->fix.line_length * info->var.yres;

	return fb_deferred_io_init(info);
}

static int foo_retry(struct fb_info *info)
{
	int ret;

	ret = fb_deferred_io_init(info);
	if (ret) {
		info->screen_buffer = info->screen_buffer - PADDING;
		info->flags |= FBINFO_KMEMFB;
		ret = fb_deferred_io_init(info);
	}

	return ret;
}

static int two_probe(struct platform_device *pdev)
{
	struct two_par *par = platform_get_drvdata(pdev);
	int i, ret;

	for (i = 0; i < 2; i++) {
		struct fb_info *info = par->info[i];

		info->screen_buffer = vzalloc(SIZE);
		info->fix.smem_len = SIZE;
		ret = fb_deferred_io_init(info);
		if (ret)
			return ret;
	}

	return 0;
}

static void two_remove(struct platform_device *pdev)
{
	struct two_par *par = platform_get_drvdata(pdev);
	struct fb_info *info = par->spare;
	struct two_par *next;
	int i;

	fb_deferred_io_cleanup(info);
	framebuffer_release(info);
	info = par->console;
	fb_deferred_io_cleanup(info);
	unregister_framebuffer(info);

	for (i = 0; i < 2; i++) {
		struct fb_info *info = par->info[i];

		fb_deferred_io_cleanup(info);
		unregister_framebuffer(info);
	}

	list_for_each_entry(next, &par->others, node) {
		fb_deferred_io_cleanup(next->info);
		unregister_framebuffer(next->info);
	}
	while (par->more) {
		fb_deferred_io_cleanup(par->more->info);
		framebuffer_release(par->more->info);
		par->more = par->more->next;
	}
}
