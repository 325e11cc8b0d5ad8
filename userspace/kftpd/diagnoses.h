/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Diagnoses of a job file, kept until it is known whether they are news: a file that was only touched
 * has nothing new to say.
 */

#include "report.h"

typedef struct Diagnoses {
        KftpDiagnosis *items;           /* they own their strings */
        size_t n;
} Diagnoses;

/* A kftp_diagnosis_t whose userdata is a Diagnoses; without memory a diagnosis is lost. */
void diagnoses_add(void *userdata, const KftpDiagnosis *d);
void diagnoses_report(const Diagnoses *all, const Report *report, const char *job);
void diagnoses_done(Diagnoses *all);
