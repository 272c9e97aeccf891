// SPDX-License-Identifier: GPL-2.0
/* fb_deferred_io_cleanup() with an fb_info that can have been freed before. */

static void foo_destroy(struct fb_info *info)
{
	vfree(info->screen_buffer);
	framebuffer_release(info);
}

static const struct fb_ops foo_ops = {
	.owner		= THIS_MODULE,
	FB_DEFAULT_DEFERRED_OPS(foo),
	.fb_destroy	= foo_destroy,
};

static int foo_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(0, &pdev->dev);
	int ret;

	info->fbops = &foo_ops;
	info->screen_buffer = vzalloc(SIZE);
	ret = fb_deferred_io_init(info);
	if (ret)
		goto err;
	ret = register_framebuffer(info);
	if (ret)
		goto err;
	ret = sysfs_create_group(&pdev->dev.kobj, &foo_group);
	if (ret)
		goto err_unregister;

	return 0;

err_unregister:
	unregister_framebuffer(info);
err:
	fb_deferred_io_cleanup(info); /* bad */
	foo_destroy(info);
	return ret;
}

static void foo_remove(struct platform_device *pdev)
{
	struct fb_info *info = platform_get_drvdata(pdev);

	unregister_framebuffer(info);
	fb_deferred_io_cleanup(info); /* bad */
}

/* Twice; the second call is the wrong one. */
static void bar_remove(struct platform_device *pdev)
{
	struct bar_par *par = platform_get_drvdata(pdev);

	fb_deferred_io_cleanup(par->info);
	unregister_framebuffer(par->info);
	if (par->on)
		bar_power_off(par);
	fb_deferred_io_cleanup(par->info); /* bad */
}

static void baz_exit(struct baz_par *par)
{
	framebuffer_release(par->info);
	fb_deferred_io_cleanup(par->info); /* bad */
}
