// SPDX-License-Identifier: LGPL-2.1-or-later
// The database's lock, shared with open-iscsi.
//
// open-iscsi's protocol: the file <lockdir>/lock stays for ever; who makes the hard link
// <lockdir>/lock.write to it owns the database until it unlinks that name. Others try again every
// 10 ms for 30 s; 2.1.8 then goes on as if it owned the lock. A process killed in between leaves a
// lock that costs everyone those 30 s.
//
// Ours adds, invisibly to open-iscsi:
//  1. flock on `lock` first. The kernel gives it up when a process dies. So at most one of ours at
//  a
//     time looks at lock.write, and no living one of ours but itself owns it.
//  2. Our lock.write is a file of its own, where open-iscsi's is a second name of `lock`: both make
//     it only if nothing has that name. So the owner of the flock who finds lock.write, and finds
//     that it is not `lock`, knows that a dead process of ours left it: it is removed at once. The
//     one system call that takes the lock also says whose it is; no kill can come in between.
//  3. Otherwise open-iscsi made the link. Its owner is alive only if some process that runs
//     open-iscsi's code is at work: one that sleeps in poll, a receive or its 10 ms pause waits for
//     something else, for open-iscsi does only file work while it owns the lock. When two looks,
//     some time apart, find no such process and the same link, its owner is dead and lock.write is
//     removed. Until then we watch the directory (inotify) for the unlink. In a pid namespace where
//     others may be out of sight, the link must besides be 800 ms old; for one record open-iscsi
//     has it for milliseconds, and for longer only to list thousands, which changes nothing.
//  4. A link that has stood for 30 s is removed whatever is known, as open-iscsi does.
//  5. Fairness: open-iscsi polls, we do not, so it could starve. Each owner of ours notes in `lock`
//     when it gave the lock up; after 200 ms of uninterrupted use by processes like us, the next
//     one leaves the lock free for 15 ms.
//  6. SIGINT, SIGTERM and SIGHUP wait until the lock is given up: so they leave no lock.write.
//
// Readers need no lock: our writers replace files whole, and a record that open-iscsi is just
// writing lacks its END line; only then is it read again under the lock (store.cpp).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"

namespace iscsi::store {

// What the protocol asks of the world besides files; tests bring their own.
struct LockWorld {
    // May some process be in the middle of open-iscsi's file work?
    std::function<bool()> others_at_work;
    // Can `others_at_work` see every process?
    bool sees_everyone = true;
    // How long a living owner of ours is waited for.
    std::chrono::milliseconds patience{30'000};
    // How old a link must be to count as left behind where its owner may be out of sight.
    std::chrono::milliseconds unseen_owner_age{800};
};
LockWorld system_lock_world();

// Owns the database's lock; gives it up when destroyed.
class Lock {
public:
    Lock(Lock&&) noexcept;
    Lock& operator=(Lock&&) noexcept;
    ~Lock();

    // Waits for it. Errors (Database): "Could not lock discovery DB: PATH: Permission denied" and
    // the like, or no lock while a living process of ours held it for 30 s.
    static base::Result<Lock> acquire(const std::string& lockdir,
                                      const LockWorld& world = system_lock_world());

private:
    struct Held;
    explicit Lock(std::unique_ptr<Held> held);
    std::unique_ptr<Held> held_;
};

}  // namespace iscsi::store
