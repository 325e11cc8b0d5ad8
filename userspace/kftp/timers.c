// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks systemd for the next elapse of jobs' timers. */

#include "bus-client.h"
#include "timers.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define TIMER SYSTEMD ".Timer"

/* 0, or -errno if there is no use in asking for others. */
static int read_timer(sd_bus *bus, JobInfo *job) {
        _cleanup_free_ char *unit = NULL, *path = NULL;
        uint64_t next;
        int r;

        if (asprintf(&unit, "kftp@%s.timer", job->job) < 0)
                return -ENOMEM;
        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        if (r < 0)
                return r;
        r = sd_bus_get_property_trivial(bus, SYSTEMD, path, TIMER, "NextElapseUSecRealtime", NULL, 't', &next);
        /* of a timer that is not active, or not loaded */
        if (r >= 0 && next > 0 && next != UINT64_MAX)
                job->next = next;
        return r;
}

void timers_read(sd_bus *bus, JobList *jobs) {
        for (size_t i = 0; i < jobs->n; i++)
                if (jobs->jobs[i].calendar && read_timer(bus, &jobs->jobs[i]) < 0)
                        return;
}
