// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mistakes, one for each sanitizer, that tests/sanitize/self-test builds into a copy of the module to
 * see each of them reported: writing a name to /sys/module/kftp/parameters/defect makes the mistake.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void none(void)
{
}

static void use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	WRITE_ONCE(p[10], 1);
}

static void overflow(void)
{
	char *p = kmalloc(100, GFP_KERNEL);

	if (p)
		WRITE_ONCE(p[100], 1);
	kfree(p);
}

/* More than one, as the last may still be in a register or on a stack. */
static void leak(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		char *p = kmalloc(4000, GFP_KERNEL);

		if (p)
			WRITE_ONCE(*p, 1);
	}
}

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_under_spinlock(void)
{
	spin_lock(&spin);
	mutex_lock(&first);
	mutex_unlock(&first);
	spin_unlock(&spin);
}

/* Out of the bounds of an array, inside a structure: nothing for KASAN. */
static void bounds(void)
{
	struct { char a[8]; char b[8]; } two = {};
	int i = 9;

	OPTIMIZER_HIDE_VAR(i);
	two.a[i] = 1;
	OPTIMIZER_HIDE_VAR(two.b[1]);
}

static void reference(void)
{
	refcount_t r = REFCOUNT_INIT(0);

	refcount_inc(&r);
}

static const struct {
	const char *name;
	void (*make)(void);
} defects[] = {
	{ "none", none },
	{ "use-after-free", use_after_free },
	{ "overflow", overflow },
	{ "leak", leak },
	{ "lock-order", lock_order },
	{ "sleep-under-spinlock", sleep_under_spinlock },
	{ "bounds", bounds },
	{ "reference", reference },
};

static int set_defect(const char *value, const struct kernel_param *kp)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(defects); i++) {
		if (sysfs_streq(value, defects[i].name)) {
			defects[i].make();
			return 0;
		}
	}
	return -EINVAL;
}

static const struct kernel_param_ops defect_ops = { .set = set_defect };
module_param_cb(defect, &defect_ops, NULL, 0200);
