// SPDX-License-Identifier: GPL-2.0
/*
 * OLEDs whose framebuffer is smaller than a page: managed and plain memory of
 * the slab allocator.
 */

static int oled_start(struct oled_par *par, struct fb_info *info)
{
	info->screen_buffer = par->vmem;
	info->fix.smem_start = (unsigned long)par->vmem;
	info->fbdefio = &par->defio;

	return fb_deferred_io_init(info);
}

static int oled_probe(struct i2c_client *client, const struct i2c_device_id *id)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct oled_par), &client->dev);
	struct oled_par *par = info->par;

	par->commands = devm_kzalloc(&client->dev, OLED_COMMANDS, GFP_KERNEL);
	par->vmem = devm_kzalloc(&client->dev, OLED_SIZE, GFP_KERNEL); /* bad, twice */
	if (!par->commands || !par->vmem)
		return -ENOMEM;

	return oled_start(par, info);
}

static int oled2_probe(struct i2c_client *client, const struct i2c_device_id *id)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct oled_par), &client->dev);
	struct oled_par *par = info->par;

	par->vmem = kzalloc(OLED_SIZE, GFP_KERNEL); /* bad */
	if (!par->vmem)
		return -ENOMEM;

	return oled_start(par, info);
}

static int oled_remove(struct i2c_client *client)
{
	struct fb_info *info = i2c_get_clientdata(client);
	struct oled_par *par = info->par;

	unregister_framebuffer(info);
	fb_deferred_io_cleanup(info);
	kfree(par->vmem); /* bad */
	framebuffer_release(info);

	return 0;
}

static struct i2c_driver oled_driver = {
	.probe	= oled2_probe,
	.remove	= oled_remove,
};
