// SPDX-License-Identifier: GPL-2.0
/*
 * One driver for displays with and without deferred I/O: a kind of memory for
 * each, in the same variable, and the flag for one of them.
 */

static int chan_alloc(struct lcdc_chan *ch)
{
	struct page *page;

	if (!ch->deferred) {
		ch->fb_mem = dma_alloc_coherent(ch->dev, ch->fb_size, &ch->dma_handle, GFP_KERNEL);
		return ch->fb_mem ? 0 : -ENOMEM;
	}

	page = dma_alloc_pages(ch->dev, ch->fb_size, &ch->dma_handle, DMA_TO_DEVICE,
			       GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return -ENOMEM;
	ch->fb_mem = page_address(page);

	return 0;
}

static int chan_init(struct lcdc_chan *ch)
{
	struct fb_info *info = framebuffer_alloc(0, ch->dev);
	int ret;

	ret = chan_alloc(ch);
	if (ret)
		return ret;

	ch->info = info;
	info->screen_buffer = ch->fb_mem;
	info->flags = FBINFO_VIRTFB;
	if (ch->deferred) {
		info->flags |= FBINFO_KMEMFB;
		info->fix.smem_start = virt_to_phys(ch->fb_mem);
		ret = fb_deferred_io_init(ch->info);
	}

	return ret;
}
