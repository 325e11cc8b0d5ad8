// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading: the work queue, then the device, and back in reverse.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "kftp.h"

/* Runs only the deadlines of sessions that nobody waits in: see kftp_session_run(). */
struct workqueue_struct *kftp_wq;

bool kftp_allow_userns;
module_param_named(allow_userns, kftp_allow_userns, bool, 0644);
MODULE_PARM_DESC(allow_userns, "let openers in other user namespaces in (default: no)");

bool kftp_allow_connect = true;
module_param_named(connect, kftp_allow_connect, bool, 0644);
MODULE_PARM_DESC(connect, "connect and listen; if not, callers hand connections over (default: yes)");

static struct miscdevice kftp_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kftp",
	.fops = &kftp_fops,
};

static int __init kftp_init(void)
{
	int r;

	kftp_wq = alloc_workqueue("kftp", WQ_UNBOUND, 0);
	if (!kftp_wq)
		return -ENOMEM;
	r = misc_register(&kftp_misc);
	if (r)
		destroy_workqueue(kftp_wq);
	return r;
}

static void __exit kftp_exit(void)
{
	misc_deregister(&kftp_misc);
	destroy_workqueue(kftp_wq);
}

module_init(kftp_init);
module_exit(kftp_exit);

MODULE_DESCRIPTION("FTP client behind /dev/kftp");
MODULE_AUTHOR("The kftp authors");
MODULE_LICENSE("GPL");
/* not everybody who asks for it may load it */
MODULE_SOFTDEP("pre: tls");
MODULE_VERSION("0.1.0");
