// SPDX-License-Identifier: GPL-2.0
/* Used results, and vmalloc() memory, which may be freed in remove. */

static int tested(struct fb_info *info)
{
	if (fb_deferred_io_init(info)) {
		info->fbdefio = NULL;
		return 0;
	}

	return 1;
}

static int returned(struct fb_info *info)
{
	return fb_deferred_io_init(info);
}

static int kept(struct fb_info *info)
{
	int ret;

	ret = fb_deferred_io_init(info);
	if (ret < 0)
		goto err;

	ret = register_framebuffer(info);
	if (ret)
		goto err;

	return 0;

err:
	vfree(info->screen_buffer);
	return ret;
}

static int negated(struct fb_info *info)
{
	int ret = fb_deferred_io_init(info);

	ret = ret ? -EIO : 0;

	return ret;
}

static int assigned_in_a_test(struct fb_info *info)
{
	int ret;

	if ((ret = fb_deferred_io_init(info)))
		return -ENOMEM;

	return register_framebuffer(info);
}

static int stored(struct foo_par *par)
{
	par->info->screen_buffer = vmalloc_user(SIZE);
	par->error = fb_deferred_io_init(par->info);

	return par->error;
}

static void foo_remove(struct platform_device *pdev)
{
	struct fb_info *info = platform_get_drvdata(pdev);

	unregister_framebuffer(info);
	fb_deferred_io_cleanup(info);
	vfree(info->screen_buffer);
	kfree(info->par);
	framebuffer_release(info);
}

static struct platform_driver foo_driver = {
	.remove = foo_remove,
};
