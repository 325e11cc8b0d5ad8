// SPDX-License-Identifier: LGPL-2.1-or-later
/* Network addresses as the device has them, from and to text. */

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include "address.h"
#include "util.h"

int kftp_address_from_sockaddr(const struct sockaddr *sa, struct kftp_addr *ret) {
        *ret = (struct kftp_addr) { .family = sa->sa_family };

        if (sa->sa_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *) sa;

                ret->port = in->sin_port;
                memcpy(ret->addr, &in->sin_addr, sizeof(in->sin_addr));
                return 0;
        }
        if (sa->sa_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) sa;

                ret->port = in6->sin6_port;
                ret->scope_id = in6->sin6_scope_id;
                memcpy(ret->addr, &in6->sin6_addr, sizeof(in6->sin6_addr));
                return 0;
        }
        return -EAFNOSUPPORT;
}

int kftp_address_parse(const char *text, struct kftp_addr *ret) {
        struct addrinfo hints = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *list;
        struct in_addr in;
        int r;

        /* Not getaddrinfo for IPv4: it also takes "127.1" and "0x7f000001". */
        if (inet_pton(AF_INET, text, &in) == 1) {
                *ret = (struct kftp_addr) { .family = AF_INET };
                memcpy(ret->addr, &in, sizeof(in));
                return 0;
        }
        if (!strchr(text, ':') || getaddrinfo(text, NULL, &hints, &list) != 0)
                return -EINVAL;
        r = kftp_address_from_sockaddr(list->ai_addr, ret);
        freeaddrinfo(list);
        return r < 0 ? -EINVAL : 0;
}

char *kftp_address_format(const struct kftp_addr *a) {
        char address[INET6_ADDRSTRLEN], scope[IF_NAMESIZE + 1] = "", *text;
        unsigned port = ntohs(a->port);
        int r;

        if (a->family == AF_INET && inet_ntop(AF_INET, a->addr, address, sizeof(address)))
                r = asprintf(&text, "%s:%u", address, port);
        else if (a->family == AF_INET6 && inet_ntop(AF_INET6, a->addr, address, sizeof(address))) {
                if (a->scope_id != 0) {
                        scope[0] = '%';
                        if (!if_indextoname(a->scope_id, scope + 1))
                                (void) snprintf(scope + 1, sizeof(scope) - 1, "%u", a->scope_id);
                }
                r = asprintf(&text, "[%s%s]:%u", address, scope, port);
        } else
                r = asprintf(&text, "none");
        return r < 0 ? NULL : text;
}
