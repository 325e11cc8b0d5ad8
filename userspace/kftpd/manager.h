/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The manager owns everything: the event loop, the jobs, the queue and the runs. All of it belongs
 * to the main thread; see runner.h for what a run's own thread may touch.
 */

#include <sys/queue.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "job-load.h"
#include "ledger.h"
#include "report.h"
#include "runner.h"
#include "server.h"
#include "watch.h"

typedef enum JobState {
        JOB_UNKNOWN,                    /* not loaded yet */
        JOB_MASKED,
        JOB_REJECTED,
        JOB_SCHEDULED,                  /* its timer will start it */
        JOB_WAITING,                    /* for its source, or for the time of its next attempt */
        JOB_QUEUED,
        JOB_RUNNING,
        JOB_DONE,                       /* this revision has run */
        JOB_FAILED,
        JOB_STATES,
} JobState;

/* One file in the directory of jobs; it stays after the file is gone until its run has ended. */
typedef struct Job {
        char *name;
        JobState state;
        unsigned directory;             /* that its file is in; the first is 0 */
        char *remote;                   /* NAME.remote that it asks for, be there one or not; NULL: none */
        uint64_t said;                  /* a hash of what was said about the file last */
        unsigned generation;            /* of the last scan that saw the file */
        char revision[KFTP_REVISION_SIZE];      /* that was accepted last; "" without one */
        KftpJob *definition;            /* to be run; NULL once it was taken by a run or has ended */
        LedgerEntry *entry;             /* a conclusion that could not be recorded yet */
        Run *run;
        const char *cancelled;          /* why the run was told to stop, NULL if it was not */
        bool by_hand;                   /* somebody told it to */
        JobState withdrawn;             /* what the job is after its cancelled run, without a definition */
        bool gone;                      /* the file was removed: forget the job when it is idle */
        uint64_t not_before;            /* waiting: when its next attempt is due, or its source is looked at again; rejected, with a
                                         * definition: its target. Monotonic clock; 0: it does not wait for a time */
        sd_event_source *timer;         /* for that time */
        struct Manager *manager;        /* for the timer */
        char *complaint;                /* what is wrong with its target, as it was reported last, or what it waits for */
        char *waited;                   /* what it waited for, as it was reported last */
        uint64_t waited_since;          /* since when, however often it was looked for; realtime clock */
        uint64_t arrival;               /* the order of the queue */
        sd_event_source *source_watch;  /* while it waits for its source here: see arrival.h */
        dev_t source_device;            /* the directory that is watched */
        ino_t source_inode;
        bool source_stirred;            /* something has happened there since the last look began */

        /* The run that is queued, waiting or under way. */
        uint64_t number;                /* see runner.h; 0: there is none */
        RunTrigger trigger;
        bool again;
        bool begun;                     /* the ledger knows of it */

        bool scheduled;                 /* it runs by its timer, and not because of its file */
        bool watch;                     /* it waits for what comes next when a run has ended */
        bool has_units;                 /* something of its file is for the generator */
        bool fails_units;               /* a unit wants to know that it has failed */
        uint32_t deadline;              /* with a timer: seconds of the local day */
        sd_event_source *deadline_timer;
        uint64_t deadline_judged;       /* that was judged last; of the realtime clock */
        unsigned max_connections;       /* to its server, of all jobs together */
        Server *server;                 /* of its file; NULL if that is masked or has an error */
        Server *held;                   /* that of its run */
        unsigned held_connections;

        uint64_t last_number;           /* of the run that was concluded last; 0: none, as far as is known */
        uint64_t last_usec;             /* of the realtime clock: when it ended; 0: not known */
        enum kftp_class last_class;     /* how it ended */
        uint64_t succeeded_usec;        /* when a run ended well last; 0: none has */
        uint64_t since_usec;            /* of the realtime clock: when the state changed */
        TAILQ_ENTRY(Job) jobs;
        TAILQ_ENTRY(Job) queue;
} Job;

TAILQ_HEAD(JobList, Job);

typedef enum Pause {
        PAUSE_NONE,
        PAUSE_DEVICE,
        PAUSE_STATE,
        PAUSE_RESOURCES,
} Pause;

typedef struct ManagerOptions {
        const char *config_directories; /* separated by colons; the first one overrides the others */
        const char *state_directory;
        unsigned max_running;
        uint64_t pause_usec;            /* how long the queue rests when it cannot go on */
        uint64_t check_usec;            /* after which a target that could not be written is looked at again */
        uint64_t look_usec;             /* after which a local source is looked at for what comes next; 0: the default, as below */
        uint64_t release_usec;          /* after which a server that let in no more is asked for one connection more */
        uint64_t forget_usec;           /* after which one that is idle is asked for any number */
        RunCalls calls;
} ManagerOptions;

typedef struct Bus Bus;

typedef struct Manager {
        char *config_directories;
        char *mirror_directory;
        unsigned max_running;
        uint64_t pause_usec;
        uint64_t check_usec;
        uint64_t look_usec;
        RunContext context;
        sd_event *event;
        Watch *watch;
        int done_fd;                    /* the read end of the runs' pipe */

        void *by_name;                  /* tsearch(3): of Job */
        struct JobList jobs;
        Servers servers;                /* with the queues */
        bool units_reported;            /* that systemd cannot be told what the generator has to know */
        unsigned count[JOB_STATES];
        unsigned runs;                  /* threads: those of running jobs, and checks */
        uint64_t arrivals;              /* the order of the queues */
        uint64_t last_number;           /* of a run */
        unsigned generation;
        bool directory_missing;
        dev_t directory_device;         /* of the first directory, when it was read last */
        ino_t directory_inode;
        bool ledger_unsynced;           /* entries were removed, which is not durable yet */
        bool strays_forgotten;
        bool strays_reported;           /* that they are kept, because there are no jobs */

        sd_event_source *pause_timer;
        Pause pause;                    /* why nothing is started until the timer fires */
        Pause reported_pause;           /* what the journal was last told of; PAUSE_NONE: all is well */

        char *deadlines_path;           /* the file whose time is judged_usec */
        uint64_t judged_usec;           /* of the realtime clock: up to when deadlines were looked at; 0: never */

        uint64_t alive_usec;            /* when the service manager was told last by manager_alive */
        uint64_t alive_interval;        /* how often it is to be told; 0: not at all */

        sd_event_source *stop_timer;
        bool stopping;
        char *status;                   /* as sent last */
        Bus *bus;                       /* NULL: there is none */
} Manager;

/* ---- manager.c ---- */

int manager_new(const ManagerOptions *options, Manager **ret);
/* First scan, then READY=1; from then on sd_event_loop(m->event) does everything. */
void manager_start(Manager *m);
/* To be called now and then by what takes long: tells the service manager that we are alive. */
void manager_alive(Manager *m);
/* Reads all job files again, as for SIGHUP. */
void manager_reload(Manager *m);
Manager *manager_free(Manager *m);

/* ---- scan.c ---- */

/* Looks at all of the directories. forced: says again what was said about their files. */
void manager_scan(Manager *m, bool forced);
/* Looks at what has changed. */
void manager_look(Manager *m, const WatchChanges *changes);

/* ---- jobs.c ---- */

Job *job_find(Manager *m, const char *name);
Job *job_free(Manager *m, Job *j);
/* Loads the job, and has done with it what its files say now. */
void job_look(Manager *m, const KftpJobDirectories *directories, const char *name, bool forced);
/* The job's file was removed: the job ends, and is forgotten. sync the ledger afterwards. */
void job_remove(Manager *m, Job *j);
/* Reads and parses a job's files anew, and reports no diagnoses. -ENOENT, -ERFKILL and -EBADMSG as kftp_job_load. */
int job_read_definition(Manager *m, const Job *j, KftpJob **ret);
/* The texts of its files; as kftp_job_show. */
int job_show(Manager *m, const Job *j, char **ret);

/* ---- job-state.c ---- */

/* The file holds a valid job, which is taken: a new one, another revision of it, or what is known already. */
void job_accept(Manager *m, Job *j, KftpJob *definition);
/* The job is not to run: stops its run, if there is one, or takes it from the queue; why is for the journal. */
void job_withdraw(Manager *m, Job *j, JobState state, const char *why);
/* Queues the job's definition, unless the ledger says that it has run, or it has a timer. */
void job_admit(Manager *m, Job *j);
/* Keeps what has to be known of the definition as long as there is the file. */
int job_note_definition(Manager *m, Job *j, const KftpJob *definition);
/* Frees what is held for a job that is not in the queue and does not run, before the job itself is. */
void job_forget(Manager *m, Job *j);
/* Whether a run of the job is queued or waits; also for the target, of a rejected one. */
bool job_is_pending(const Job *j);
/* Reports what a crash, or a full state disk, has left unsaid about an entry; NULL is taken. */
void job_settle(Manager *m, LedgerEntry *e);
/* Gives the job's next run a number, which is the time unless that was used already. */
void job_number(Manager *m, Job *j, RunTrigger trigger, bool again);
/* The one place where a job's state changes: keeps the counts and the queue. */
void job_set_state(Manager *m, Job *j, JobState state);

/* ---- queue.c ---- */

/* Starts as many jobs as may run. */
void queue_dispatch(Manager *m);
/* The job is in that state for so long: waiting, or rejected until its target is looked at again. */
void job_wait(Manager *m, Job *j, JobState state, uint64_t delay_usec);
/* What it waits for is looked at now. */
void job_wait_no_longer(Manager *m, Job *j);
/* Tells a job's run to end; cancelled says why, for the journal. */
void queue_cancel(Job *j, const char *cancelled);
void queue_run_ended(Manager *m, Run *run);

/* ---- queue-deadline.c ---- */

int deadlines_open(Manager *m, const char *state_directory);
int deadlines_watch_clock(Manager *m);
/* Tells what was missed while kftpd did not run. */
void deadlines_catch_up(Manager *m);
void deadlines_judged(Manager *m);
/* The clock was set: tells what it has passed by that. */
void deadlines_clock_set(Manager *m);
/* From now on the job has that deadline, or KFTP_DEADLINE_NONE. */
void deadline_set(Manager *m, Job *j, uint32_t seconds);

/* ---- by hand, and by timers ---- */

/*
 * What the bus offers. -ENOENT: there is no such job; -ERFKILL: it is masked; -EBADMSG: its file was rejected; -ESHUTDOWN: kftpd
 * stops; -EALREADY: it is not running (of manager_cancel), or has not failed (of manager_retry); -EBUSY: it is running (of
 * manager_retry).
 */

/* Queues a run; if the job is queued or running already *ret_number is that of this run. */
int manager_run(Manager *m, const char *name, RunTrigger trigger, bool again, uint64_t *ret_number);
/* Ends the run that is queued, waiting or under way: the job has failed. */
int manager_cancel(Manager *m, const char *name);
/* Runs what has failed, or waits for its next attempt, at once. It is the same run, due when it was: it goes on from where it stopped. */
int manager_retry(Manager *m, const char *name, uint64_t *ret_number);

/* ---- bus.c ---- */

/* Something about the job that the bus shows has changed; run_ended: a run of it was concluded just now. */
void bus_job_changed(Manager *m, Job *j, bool run_ended);
