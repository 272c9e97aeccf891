// SPDX-License-Identifier: GPL-2.0
/* All as it should be: FBINFO_KMEMFB, freed in fb_destroy and on errors of probe. */

static void foo_free(struct foo_par *par)
{
	free_pages((unsigned long)par->info->screen_buffer, ORDER);
	kfree(par);
}

static void foo_destroy(struct fb_info *info)
{
	foo_free(info->par);
	framebuffer_release(info);
}

static const struct fb_ops foo_ops = {
	.owner		= THIS_MODULE,
	FB_DEFAULT_DEFERRED_OPS(foo),
	.fb_destroy	= foo_destroy,
};

static int foo_probe(struct i2c_client *client)
{
	struct foo_par *par = kzalloc(sizeof(*par), GFP_KERNEL);
	struct fb_info *info = framebuffer_alloc(0, &client->dev);
	int ret;

	par->info = info;
	par->commands = kmalloc(SIZE, GFP_KERNEL);
	info->par = par;
	info->fbops = &foo_ops;
	info->screen_buffer = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, ORDER);
	info->fix.smem_start = virt_to_phys(info->screen_buffer);
	info->flags = FBINFO_VIRTFB | FBINFO_KMEMFB;

	ret = fb_deferred_io_init(info);
	if (ret)
		foo_free(par);

	return ret;
}

static void foo_remove(struct i2c_client *client)
{
	struct foo_par *par = i2c_get_clientdata(client);

	kfree(par->commands);
	fb_deferred_io_cleanup(par->info);
	unregister_framebuffer(par->info);
}

static struct i2c_driver foo_driver = {
	.probe	= foo_probe,
	.remove	= foo_remove,
};
