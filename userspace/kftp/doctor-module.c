// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp doctor: the kernel's side. Is the module there, is it the right one, does its device answer, can it do TLS? */

#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "doctor.h"
#include "kftp-version.h"
#include "libkftp.h"
#include "util.h"

#define MODULE_DIRECTORY "/sys/module/kftp"

/* Secure Boot: the last byte of the variable; the first four are its attributes. */
static bool secure_boot(void) {
        static const char variable[] = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        _cleanup_close_ int fd = open(variable, O_RDONLY | O_CLOEXEC);
        uint8_t bytes[5];

        return fd >= 0 && read(fd, bytes, sizeof(bytes)) == sizeof(bytes) && bytes[4] == 1;
}

/* Whether only signed modules are taken, and a word on why. */
static const char *signature_wanted(void) {
        _cleanup_free_ char *enforce = doctor_read_line("/sys/module/module/parameters/sig_enforce");
        _cleanup_free_ char *lockdown = doctor_read_line("/sys/kernel/security/lockdown");

        if (secure_boot())
                return "Secure Boot is on";
        if (lockdown && (strstr(lockdown, "[integrity]") || strstr(lockdown, "[confidentiality]")))
                return "the kernel is locked down";
        return enforce && *enforce == 'Y' ? "the kernel takes signed modules only" : NULL;
}

/* Why is it not loaded? The build by dkms, the headers it needs, a signature; else nobody has loaded it. */
static void explain_absence(Doctor *d) {
        _cleanup_free_ char *dkms = doctor_ask((const char *const[]) { "dkms", "status", "kftp", NULL });
        _cleanup_free_ char *found = doctor_ask((const char *const[]) { "modinfo", "-F", "filename", "kftp", NULL });
        _cleanup_free_ char *mend = NULL;
        const char *signature = signature_wanted();
        struct utsname kernel = {};

        (void) uname(&kernel);
        if (found && *found) {
                doctor_fail(d, "module", "sudo modprobe kftp", "kftp is built but not loaded (%s)", found);
                if (signature)
                        doctor_note("signature", "%s: if modprobe says 'Key was rejected': "
                                    "sudo mokutil --import /var/lib/dkms/mok.pub, and reboot", signature);
                return;
        }
        if (dkms && *dkms) {
                if (asprintf(&mend, "sudo apt install linux-headers-%s && sudo dkms autoinstall && sudo modprobe kftp", kernel.release) < 0)
                        mend = NULL;
                doctor_fail(d, "module", mend, "kftp is not built for the running kernel %s (dkms: %s)", kernel.release, dkms);
                return;
        }
        doctor_fail(d, "module", "sudo apt install kftp-dkms && sudo modprobe kftp", "kftp is not installed for the running kernel %s",
                    kernel.release);
}

void doctor_check_module(Doctor *d) {
        d->module_loaded = access(MODULE_DIRECTORY, F_OK) >= 0;
        if (d->module_loaded)
                doctor_ok("module", "kftp is loaded");
        else
                explain_absence(d);
}

/*
 * Takes the old module away and loads the new one. kftpd goes with the device, and comes back with it only if
 * udev has a rule for that; so it is started, where it is wanted.
 */
static const char *mend_reload(void) {
        _cleanup_free_ char *enabled = doctor_ask((const char *const[]) { "systemctl", "is-enabled", "kftpd.service", NULL });

        if (enabled && streq(enabled, "enabled"))
                return "sudo modprobe -r kftp && sudo modprobe kftp && sudo systemctl start kftpd";
        return "sudo modprobe -r kftp && sudo modprobe kftp";
}

void doctor_check_version(Doctor *d) {
        _cleanup_free_ char *version = NULL;

        if (!d->module_loaded)
                return;
        version = doctor_read_line(MODULE_DIRECTORY "/version");
        if (!version || !streq(version, KFTP_VERSION))
                doctor_fail(d, "version", mend_reload(), "the loaded module is version %s, this program %s",
                            version ?: "unknown", KFTP_VERSION);
        else
                doctor_ok("version", "%s, the module and this program", version);
}

static void describe(const struct kftp_info *info) {
        static const struct {
                uint64_t feature;
                const char *name;
        } features[] = {
                { KFTP_FEATURE_PASSIVE,  "passive"   },
                { KFTP_FEATURE_ACTIVE,   "active"    },
                { KFTP_FEATURE_RETR,     "download"  },
                { KFTP_FEATURE_STOR,     "upload"    },
                { KFTP_FEATURE_LIST,     "listings"  },
                { KFTP_FEATURE_TLS,      "tls"       },
                { KFTP_FEATURE_ADOPT,    "adoption"  },
                { KFTP_FEATURE_PIPELINE, "pipelines" },
                { KFTP_FEATURE_DIGEST,   "digests"   },
                { KFTP_FEATURE_CACHE,    "cache"     },
                { KFTP_FEATURE_RANGE,    "ranges"    },
                { KFTP_FEATURE_PIPE,     "pipes"     },
                { KFTP_FEATURE_RAW,      "raw"       },
        };
        char text[160] = "";
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTS(features); i++)
                if (info->features & features[i].feature && n < sizeof(text))
                        n += (size_t) snprintf(text + n, sizeof(text) - n, " %s", features[i].name);
        doctor_ok("interface", "version %u:%s", info->abi, text);
}

/* Whether word is one of those in text, between which are spaces. */
static bool has_word(const char *text, const char *word) {
        size_t n = strlen(word);

        for (const char *p = text; (p = strstr(p, word)); p += n)
                if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
                        return true;
        return false;
}

static void ask_device(Doctor *d) {
        struct kftp_info info = { .size = sizeof(info) };

        if (ioctl(d->device_fd, KFTP_INFO, &info) < 0)
                doctor_fail(d, "interface", mend_reload(), "%s does not answer as kftp's: %s",
                            KFTP_DEVICE, strerror(errno));
        else if (info.abi != KFTP_ABI_VERSION)
                doctor_fail(d, "interface", mend_reload(),
                            "the module speaks version %u, this program version %d", info.abi, KFTP_ABI_VERSION);
        else {
                d->answers = true;
                d->has_tls = info.features & KFTP_FEATURE_TLS;
                describe(&info);
        }
}

/* The group is what udev's rule gives the node; of a user who is not in it, the check before has told. */
static const char *mend_access(void) {
        const struct group *group = getgrnam("kftp-users");
        struct stat st;

        return group && stat(KFTP_DEVICE, &st) >= 0 && st.st_gid == group->gr_gid ? NULL : "sudo udevadm trigger " KFTP_DEVICE;
}

void doctor_check_device(Doctor *d) {
        if (!d->module_loaded)
                return;
        d->device_fd = open(KFTP_DEVICE, O_RDWR | O_CLOEXEC);
        if (d->device_fd >= 0) {
                doctor_ok("device", "%s can be opened", KFTP_DEVICE);
                ask_device(d);
        } else if (errno == EACCES)
                doctor_fail(d, "device", mend_access(), "%s may not be opened by this user", KFTP_DEVICE);
        else if (errno == ENOENT)
                doctor_fail(d, "device", "sudo udevadm trigger --subsystem-match=misc", "%s is missing", KFTP_DEVICE);
        else
                doctor_fail(d, "device", "sudo dmesg | grep kftp", "%s cannot be opened: %s", KFTP_DEVICE, strerror(errno));
}

/*
 * FTPS needs the kernel's own TLS, and its module loaded: whoever may not load modules gets it from nowhere. A kernel
 * that has none is as good as any for the rest.
 */
void doctor_check_tls(Doctor *d) {
        _cleanup_free_ char *protocols = doctor_read_line("/proc/sys/net/ipv4/tcp_available_ulp");
        struct utsname kernel = {};

        if (!d->answers)
                return;
        (void) uname(&kernel);
        if (!d->has_tls)
                doctor_note("tls", "the kernel %s has no TLS (CONFIG_TLS): no ftps:// and no --tls; FTP without it works", kernel.release);
        else if (protocols && !has_word(protocols, "tls"))
                doctor_fail(d, "tls", "sudo modprobe tls", "the kernel's module tls is not loaded: no ftps:// and no --tls");
        else
                doctor_ok("tls", "the kernel %s has TLS", kernel.release);
}
