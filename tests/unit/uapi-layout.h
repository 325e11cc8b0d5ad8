/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The layout of the device's structures, byte for byte, as programs that are compiled already rely
 * on it: KFTP_LAYOUT_MEMBERS has one row for each member, in order. The same in 32-bit and 64-bit
 * programs, so this is included by tests of both kinds. Members may be added at the end of a
 * structure, with a new size; no row may ever change.
 */

#define KFTP_LAYOUT_MEMBERS(M) \
        M(kftp_addr, family, 0, 2) \
        M(kftp_addr, port, 2, 2) \
        M(kftp_addr, scope_id, 4, 4) \
        M(kftp_addr, addr, 8, 16) \
        M(kftp_info, size, 0, 4) \
        M(kftp_info, flags, 4, 4) \
        M(kftp_info, abi, 8, 4) \
        M(kftp_info, state, 12, 4) \
        M(kftp_info, features, 16, 8) \
        M(kftp_info, feat, 24, 8) \
        M(kftp_info, max_queue, 32, 4) \
        M(kftp_info, max_path, 36, 4) \
        M(kftp_info, max_credential, 40, 4) \
        M(kftp_info, queued, 44, 4) \
        M(kftp_info, local, 48, 24) \
        M(kftp_info, peer, 72, 24) \
        M(kftp_info, bytes_in, 96, 8) \
        M(kftp_info, bytes_out, 104, 8) \
        M(kftp_info, commands, 112, 8) \
        M(kftp_info, replies, 120, 8) \
        M(kftp_info, runs, 128, 8) \
        M(kftp_info, sleeps, 136, 8) \
        M(kftp_info, banner_len, 144, 4) \
        M(kftp_info, methods_off, 148, 4) \
        M(kftp_info, banner, 152, 128) \
        M(kftp_info, tls_version, 280, 2) \
        M(kftp_info, tls_cipher, 282, 2) \
        M(kftp_info, tls_flags, 284, 4) \
        M(kftp_connect, size, 0, 4) \
        M(kftp_connect, flags, 4, 4) \
        M(kftp_connect, peer, 8, 24) \
        M(kftp_connect, source, 32, 24) \
        M(kftp_connect, ifindex, 56, 4) \
        M(kftp_connect, tls, 60, 4) \
        M(kftp_connect, data_mode, 64, 4) \
        M(kftp_connect, pipelining, 68, 4) \
        M(kftp_connect, user, 72, 8) \
        M(kftp_connect, password, 80, 8) \
        M(kftp_connect, account, 88, 8) \
        M(kftp_connect, user_len, 96, 4) \
        M(kftp_connect, password_len, 100, 4) \
        M(kftp_connect, account_len, 104, 4) \
        M(kftp_connect, events, 108, 4) \
        M(kftp_connect, connect_ms, 112, 4) \
        M(kftp_connect, reply_ms, 116, 4) \
        M(kftp_connect, data_ms, 120, 4) \
        M(kftp_connect, idle_ms, 124, 4) \
        M(kftp_connect, abort_ms, 128, 4) \
        M(kftp_connect, progress_ms, 132, 4) \
        M(kftp_connect, methods_off, 136, 4) \
        M(kftp_connect, host_len, 140, 4) \
        M(kftp_connect, host, 144, 8) \
        M(kftp_connect, reserved, 152, 8) \
        M(kftp_adopt, size, 0, 4) \
        M(kftp_adopt, flags, 4, 4) \
        M(kftp_adopt, fd, 8, 4) \
        M(kftp_adopt, role, 12, 4) \
        M(kftp_adopt, user_data, 16, 8) \
        M(kftp_submit, size, 0, 4) \
        M(kftp_submit, flags, 4, 4) \
        M(kftp_submit, op, 8, 4) \
        M(kftp_submit, fd, 12, 4) \
        M(kftp_submit, offset, 16, 8) \
        M(kftp_submit, length, 24, 8) \
        M(kftp_submit, path, 32, 8) \
        M(kftp_submit, path2, 40, 8) \
        M(kftp_submit, path_len, 48, 4) \
        M(kftp_submit, path2_len, 52, 4) \
        M(kftp_submit, digest, 56, 4) \
        M(kftp_submit, cache, 60, 4) \
        M(kftp_submit, expect_size, 64, 8) \
        M(kftp_submit, expect_mtime, 72, 8) \
        M(kftp_submit, mtime, 80, 8) \
        M(kftp_submit, user_data, 88, 8) \
        M(kftp_submit, mode, 96, 4) \
        M(kftp_submit, reserved, 100, 12) \
        M(kftp_run, size, 0, 4) \
        M(kftp_run, flags, 4, 4) \
        M(kftp_run, max_bytes, 8, 8) \
        M(kftp_run, text, 16, 8) \
        M(kftp_run, text_cap, 24, 4) \
        M(kftp_run, reserved_in, 28, 4) \
        M(kftp_run, type, 32, 4) \
        M(kftp_run, event_flags, 36, 4) \
        M(kftp_run, user_data, 40, 8) \
        M(kftp_run, error, 48, 4) \
        M(kftp_run, reply, 52, 4) \
        M(kftp_run, fd, 56, 4) \
        M(kftp_run, channel, 60, 4) \
        M(kftp_run, text_len, 64, 4) \
        M(kftp_run, local_file, 68, 4) \
        M(kftp_run, bytes, 72, 8) \
        M(kftp_run, nsec, 80, 8) \
        M(kftp_run, local, 88, 24) \
        M(kftp_run, peer, 112, 24) \
        M(kftp_run, remote_size, 136, 8) \
        M(kftp_run, remote_mtime, 144, 8) \
        M(kftp_run, digest, 152, 4) \
        M(kftp_run, digest_len, 156, 4) \
        M(kftp_run, digest_bytes, 160, 64) \
        M(kftp_run, alert, 224, 4) \
        M(kftp_run, reserved_out, 228, 4) \
        M(kftp_tls, size, 0, 4) \
        M(kftp_tls, flags, 4, 4) \
        M(kftp_tls, channel, 8, 4) \
        M(kftp_tls, error, 12, 4) \
        M(kftp_tls, version, 16, 2) \
        M(kftp_tls, cipher, 18, 2) \
        M(kftp_tls, pending_len, 20, 4) \
        M(kftp_tls, pending, 24, 8) \
        M(kftp_cancel, size, 0, 4) \
        M(kftp_cancel, flags, 4, 4) \
        M(kftp_cancel, what, 8, 4) \
        M(kftp_cancel, reserved, 12, 4) \
        M(kftp_cancel, user_data, 16, 8)

#define KFTP_LAYOUT_SIZES(S) \
        S(kftp_addr, 24) \
        S(kftp_info, 288) \
        S(kftp_connect, 160) \
        S(kftp_adopt, 24) \
        S(kftp_submit, 112) \
        S(kftp_run, 232) \
        S(kftp_tls, 32) \
        S(kftp_cancel, 24)

#define KFTP_ASSERT_MEMBER(type, member, offset, size)                                         \
        _Static_assert(__builtin_offsetof(struct type, member) == (offset), #type "." #member); \
        _Static_assert(sizeof(((struct type *) 0)->member) == (size), #type "." #member);
#define KFTP_ASSERT_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type);

KFTP_LAYOUT_MEMBERS(KFTP_ASSERT_MEMBER)
KFTP_LAYOUT_SIZES(KFTP_ASSERT_SIZE)

_Static_assert(KFTP_INFO == 0xc1206b40, "KFTP_INFO");
_Static_assert(KFTP_CONNECT == 0x40a06b41, "KFTP_CONNECT");
_Static_assert(KFTP_ADOPT == 0x40186b42, "KFTP_ADOPT");
_Static_assert(KFTP_SUBMIT == 0x40706b43, "KFTP_SUBMIT");
_Static_assert(KFTP_RUN == 0xc0e86b44, "KFTP_RUN");
_Static_assert(KFTP_TLS == 0x40206b45, "KFTP_TLS");
_Static_assert(KFTP_CANCEL == 0x40186b46, "KFTP_CANCEL");
