// SPDX-License-Identifier: LGPL-2.1-or-later
// The database's lock, shared with open-iscsi.
//
// open-iscsi's protocol: the file <lockdir>/lock stays for ever; who makes the hard link
// <lockdir>/lock.write to it owns the database until it unlinks that name. Others try again every
// 10 ms for 30 s; 2.1.8 then goes on as if it owned the lock. A process killed in between leaves a
// lock that costs everyone those 30 s.
//
// Ours adds, invisibly to open-iscsi:
//  1. flock(LOCK_EX) on `lock` first. The kernel gives it up when a process dies, and queues us
//     without polling. So at most one of ours ever looks at lock.write.
//  2. After link(), the owner writes "held PID" into the file. That write gives the inode equal
//     mtime and ctime; any later link() or unlink() by anyone moves ctime alone. Hence "held" and
//     mtime == ctime, seen by the owner of the flock, proves that a dead process of ours left
//     lock.write behind: it is removed at once.
//  3. Otherwise open-iscsi made the link. It is alive if some process could be the one: it runs
//     open-iscsi's code, was started before the link, and is not itself waiting for the lock
//     (asleep in its 10 ms pause) nor an idle iscsid (in poll). If there is no such process, seen
//     twice with the link unchanged, the owner is dead and lock.write is removed. If there is one,
//     we watch the directory (inotify) for the unlink, and look again every 100 ms. A process in a
//     pid namespace where we cannot see everyone relies on the age of the link alone.
//  4. A link that has stood for 30 s is removed whatever is known, as open-iscsi does.
//  5. Fairness: open-iscsi polls, we do not, so it could starve. After 200 ms of uninterrupted use
//     by processes like us, the next one leaves the lock free for 15 ms.
//
// Readers need no lock: our writers replace files whole, and a record that open-iscsi is just
// writing lacks its END line; only then is it read again under the lock (store.cpp).
#pragma once

#include <chrono>
#include <memory>

#include "base/error.hpp"
#include "store/paths.hpp"

namespace iscsi::store {

// Owns the database's lock; gives it up when destroyed.
class Lock {
public:
    Lock(Lock&&) noexcept;
    Lock& operator=(Lock&&) noexcept;
    ~Lock();

    // Waits for it. Errors (Database): "Could not lock discovery DB: PATH: Permission denied" and
    // the like, or no lock within 30 s of a living process of ours holding it.
    static base::Result<Lock> acquire(const std::string& lockdir);

private:
    struct Held;
    explicit Lock(std::unique_ptr<Held> held);
    std::unique_ptr<Held> held_;
};

}  // namespace iscsi::store
