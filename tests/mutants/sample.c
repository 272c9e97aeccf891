// SPDX-License-Identifier: GPL-2.0
/* For test-mutants.sh. A brace { in a comment, and "} in a string. */
#include <linux/fb.h>
#include <linux/list.h>

static const char sample_text[] = "if (a < b) {";

static int sample_show(struct state *state, unsigned long at,
		       struct list_head *pages)
{
	unsigned long size = min(state->size, at + 4);
	int ret = 0;

	if (!state->info || at >= size)
		return -EINVAL;

	mutex_lock(&state->lock);
	prepare(state);
	while (ret == 1)
		step(state);
	if (at << PAGE_SHIFT > size) {
		ret = -EFAULT;
		goto out;
	}
	state->busy = true;
	list_add_tail(&state->list, pages);
out:
	mutex_unlock(&state->lock);
	return ret;
}

void sample_forget(struct state *state)
{
	state->count--;
}
