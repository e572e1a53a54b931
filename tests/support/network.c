/* Preloaded into every process that a test watches: notes what asks for the network, and refuses it.
 *
 * Look-ups of names fail as they do where no name server answers, connections and datagrams as they
 * do where there is no way to the network. Sockets between processes of this machine (AF_UNIX) are
 * none of its business. Each line of the log is one call, or one process that this is in.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void note(const char *what, const char *about) {
    const char *log = getenv("BATCHCLS_TEST_NETWORK_LOG");
    char command[600] = "", line[1024];
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t length = read(file, command, sizeof command - 1);
        for (ssize_t n = 0; n < length; n++) /* one line, words apart */
            if (command[n] == '\0' || command[n] == '\n' || command[n] == '\t') command[n] = ' ';
        close(file);
    }
    if (log == NULL || (file = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) < 0) return;
    int length = snprintf(line, sizeof line, "%s\t%.300s\t%s\n", what, about ? about : "", command);
    if (write(file, line, length) < 0) abort(); /* a test that cannot see must not pass */
    close(file);
}

__attribute__((constructor)) static void started(void) { note("process", ""); }

static int outside(const struct sockaddr *address) {
    return address != NULL && (address->sa_family == AF_INET || address->sa_family == AF_INET6);
}

static int refused(const char *what, const struct sockaddr *address) {
    char host[200] = "", port[20] = "", about[240];
    int (*words)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int) =
        dlsym(RTLD_NEXT, "getnameinfo");
    socklen_t length = address->sa_family == AF_INET ? 16 : 28;
    words(address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(about, sizeof about, "%s port %s", host, port);
    note(what, about);
    errno = ENETUNREACH;
    return -1;
}

/* Connections and datagrams. */

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (outside(address)) return refused("connect", address);
    if (real == NULL) real = dlsym(RTLD_NEXT, "connect");
    return real(socket, address, length);
}

ssize_t sendto(int socket, const void *data, size_t size, int flags,
               const struct sockaddr *address, socklen_t length) {
    static ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    if (outside(address)) return refused("sendto", address);
    if (real == NULL) real = dlsym(RTLD_NEXT, "sendto");
    return real(socket, data, size, flags, address, length);
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
    static ssize_t (*real)(int, const struct msghdr *, int);
    if (message != NULL && outside(message->msg_name)) return refused("sendmsg", message->msg_name);
    if (real == NULL) real = dlsym(RTLD_NEXT, "sendmsg");
    return real(socket, message, flags);
}

int sendmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags) {
    static int (*real)(int, struct mmsghdr *, unsigned, int);
    for (unsigned n = 0; n < count; n++)
        if (outside(messages[n].msg_hdr.msg_name))
            return refused("sendmmsg", messages[n].msg_hdr.msg_name);
    if (real == NULL) real = dlsym(RTLD_NEXT, "sendmmsg");
    return real(socket, messages, count, flags);
}

/* Look-ups: of a name, and of an address. */

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    (void)service, (void)hints, (void)found;
    note("getaddrinfo", host);
    return EAI_AGAIN;
}

int getnameinfo(const struct sockaddr *address, socklen_t length, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags) {
    (void)address, (void)length, (void)host, (void)host_size, (void)service, (void)service_size;
    (void)flags;
    note("getnameinfo", "");
    return EAI_AGAIN;
}

static struct hostent *unknown(const char *what, const char *host) {
    note(what, host);
    h_errno = TRY_AGAIN;
    return NULL;
}

static int unknown_r(const char *what, const char *host, struct hostent **found, int *error) {
    note(what, host);
    *found = NULL;
    *error = TRY_AGAIN;
    return EAGAIN;
}

struct hostent *gethostbyname(const char *host) { return unknown("gethostbyname", host); }

struct hostent *gethostbyname2(const char *host, int family) {
    (void)family;
    return unknown("gethostbyname2", host);
}

struct hostent *gethostbyaddr(const void *address, socklen_t length, int family) {
    (void)address, (void)length, (void)family;
    return unknown("gethostbyaddr", "");
}

int gethostbyname_r(const char *host, struct hostent *entry, char *buffer, size_t size,
                    struct hostent **found, int *error) {
    (void)entry, (void)buffer, (void)size;
    return unknown_r("gethostbyname_r", host, found, error);
}

int gethostbyname2_r(const char *host, int family, struct hostent *entry, char *buffer, size_t size,
                     struct hostent **found, int *error) {
    (void)family, (void)entry, (void)buffer, (void)size;
    return unknown_r("gethostbyname2_r", host, found, error);
}

int gethostbyaddr_r(const void *address, socklen_t length, int family, struct hostent *entry,
                    char *buffer, size_t size, struct hostent **found, int *error) {
    (void)address, (void)length, (void)family, (void)entry, (void)buffer, (void)size;
    return unknown_r("gethostbyaddr_r", "", found, error);
}
