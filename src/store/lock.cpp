// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/lock.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <vector>

#include "base/numbers.hpp"
#include "os/files.hpp"
#include "os/files_lock.hpp"

namespace iscsi::store {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// The name lock.write is ours.
struct Ownership {
    steady_clock::time_point streak_start;
    std::unique_ptr<os::EndDelayed> end_delayed;
};

}  // namespace

struct Lock::Held {
    std::unique_ptr<os::EndDelayed> end_delayed;  // goes last
    os::LockFile file;
    std::string link_path;
    steady_clock::time_point streak_start;

    Held(os::LockFile lock_file, std::string path, Ownership ownership)
        : end_delayed(std::move(ownership.end_delayed)),
          file(std::move(lock_file)),
          link_path(std::move(path)),
          streak_start(ownership.streak_start) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held();
};

namespace {

constexpr std::string_view kFree = "free";

constexpr auto kLinkAgeMax = 30s;      // open-iscsi's own limit
constexpr auto kBetweenLooks = 50ms;   // at what others are doing
constexpr auto kStreakMax = 200ms;     // uninterrupted use by processes like us
constexpr auto kStreakGap = 10ms;      // use within this counts as uninterrupted
constexpr auto kTurnForOthers = 15ms;  // longer than open-iscsi's pause between tries

// The text in the lock file: when the last owner of ours gave it up, and since when it had been in
// use by processes like us without a gap. Times are of the monotonic clock, in ms.
struct Mark {
    std::int64_t streak_start = 0;
    std::int64_t written = 0;
};

std::int64_t to_ms(steady_clock::time_point time) {
    return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

std::string print_mark(steady_clock::time_point streak_start) {
    return fmt::format("{} {} {} {}\n", kFree, ::getpid(), to_ms(streak_start),
                       to_ms(os::steady_time()));
}

std::optional<Mark> parse_mark(std::string_view text) {
    const auto parts = base::split(base::trim(text), ' ');
    if (parts.size() != 4 || parts[0] != kFree) return std::nullopt;
    const auto start = base::parse_signed(parts[2]);
    const auto written = base::parse_signed(parts[3]);
    if (!start || !written) return std::nullopt;
    return Mark{*start, *written};
}

std::unexpected<base::Error> fail_lock(const std::string& path, os::Errno error) {
    auto failed = os::fail_file(base::ErrorCode::Database, error, path);
    failed.error().message = fmt::format("Maybe you are not root?\nCould not lock discovery DB: {}",
                                         failed.error().message);
    return failed;
}

std::unexpected<base::Error> fail_timeout(const std::string& path) {
    return base::fail(
        base::ErrorCode::Database,
        "Timeout on acquiring lock on DB: {}: another process holds it; see `fuser {}`", path,
        path);
}

// One attempt to become the owner: state that lives as long as the waiting does.
class Acquisition {
public:
    Acquisition(const std::string& lockdir, const LockWorld& world)
        : lockdir_(lockdir),
          world_(world),
          lock_path_(lockdir + "/lock"),
          link_path_(lockdir + "/lock.write"),
          deadline_(os::steady_time() + world.patience) {}

    // Step 1 of the protocol.
    base::Result<os::LockFile> lock_out_our_own() {
        auto opened = os::LockFile::open(lock_path_);
        if (!opened && opened.error().number == ENOENT) {
            const auto made = os::make_lock_directory(lockdir_);
            if (!made) return fail_lock(lockdir_, made.error());
            opened = os::LockFile::open(lock_path_);
        }
        if (!opened) return fail_lock(lock_path_, opened.error());
        while (true) {
            const auto locked = opened->try_lock();
            if (!locked) return fail_lock(lock_path_, locked.error());
            if (*locked) return std::move(*opened);
            const auto left = std::chrono::ceil<milliseconds>(deadline_ - os::steady_time());
            if (left <= 0ms) return fail_timeout(lock_path_);
            ISCSI_TRY_VOID(await_change(std::min<milliseconds>(left, 1s)));
        }
    }

    // Steps 2 to 5. The owner of the flock calls it.
    base::Result<Ownership> become_owner(const os::LockFile& file) {
        const auto streak_start = take_turns(file);
        bool waited = false;  // looking at processes is for links that stay
        while (true) {
            // Step 6. Waiting can be interrupted, owning cannot: open-iscsi would wait 30 s for the
            // dead.
            auto end_delayed = std::make_unique<os::EndDelayed>();
            const auto made = os::make_new_file(link_path_);
            if (made) return Ownership{streak_start, std::move(end_delayed)};
            end_delayed.reset();
            if (made.error().number != EEXIST) return fail_lock(link_path_, made.error());
            if (is_left_by_our_own(file) || (waited && is_abandoned(file))) {
                ISCSI_TRY_VOID(remove_link());
                continue;
            }
            waited = watch_.has_value();
            ISCSI_TRY_VOID(await_change(kBetweenLooks));
        }
    }

    const std::string& link_path() const { return link_path_; }

private:
    base::Status remove_link() const {
        const auto removed = os::system_files().unlink(link_path_);
        if (removed || removed.error().number == ENOENT) return {};  // gone already is as good
        auto failed = fail_lock(link_path_, removed.error());
        failed.error().message += " (it is in the place of the lock; remove it)";
        return failed;
    }

    // The watch is made only when there is something to wait for; what happened before it was there
    // is found by the caller's next try, so the first call does not wait.
    base::Status await_change(milliseconds limit) {
        if (watch_) {
            watch_->wait(limit);
            return {};
        }
        auto watch = os::DirectoryWatch::open(lockdir_);
        if (!watch) return fail_lock(lockdir_, watch.error());
        watch_ = std::move(*watch);
        return {};
    }

    // Step 5: since when processes like us have used the lock without a gap.
    steady_clock::time_point take_turns(const os::LockFile& file) {
        const auto now = os::steady_time();
        const auto text = file.text();
        const auto mark = text ? parse_mark(*text) : std::nullopt;
        if (!mark) return now;
        const milliseconds idle(to_ms(now) - mark->written);
        const milliseconds streak(to_ms(now) - mark->streak_start);
        if (idle < 0ms || idle > kStreakGap || streak < 0ms) return now;
        if (streak < kStreakMax) return steady_clock::time_point(milliseconds(mark->streak_start));
        os::pause_for(kTurnForOthers);
        return os::steady_time();
    }

    // Step 2.
    bool is_left_by_our_own(const os::LockFile& file) const {
        const auto is_lock = file.is_at(link_path_);
        return is_lock && !*is_lock;
    }

    // Steps 3 and 4: is the link there without a living owner?
    bool is_abandoned(const os::LockFile& file) {
        const auto times = file.times();
        if (!times) return false;
        const auto age = os::wall_time() - times->changed;
        if (age > kLinkAgeMax) return true;
        if (!world_.sees_everyone && age < world_.unseen_owner_age) return false;
        return nobody_at_work(*times);
    }

    // True at the second look in a row that finds nobody and the same link.
    bool nobody_at_work(const os::InodeTimes& times) {
        if (world_.others_at_work()) {
            quiet_link_.reset();
            return false;
        }
        const auto now = os::steady_time();
        if (quiet_link_ != times) {
            quiet_link_ = times;
            quiet_since_ = now;
            return false;
        }
        return now - quiet_since_ >= kBetweenLooks;
    }

    const std::string& lockdir_;
    const LockWorld& world_;
    std::string lock_path_;
    std::string link_path_;
    steady_clock::time_point deadline_;
    std::optional<os::DirectoryWatch> watch_;
    std::optional<os::InodeTimes> quiet_link_;
    steady_clock::time_point quiet_since_;
};

bool open_iscsi_at_work() {
    constexpr std::array<std::string_view, 3> kPrograms{"iscsiadm", "iscsid", "iscsistart"};
    for (const auto& process : os::find_processes(kPrograms, "libopeniscsiusr")) {
        if (process.activity == os::Activity::Busy) return true;
    }
    return false;
}

}  // namespace

LockWorld system_lock_world() {
    return {.others_at_work = open_iscsi_at_work, .sees_everyone = os::sees_all_processes()};
}

Lock::Held::~Held() {
    (void)file.set_text(print_mark(streak_start));  // a courtesy to open-iscsi, no more
    (void)os::system_files().unlink(link_path);     // someone gave us up for dead; nothing to do
}

Lock::Lock(std::unique_ptr<Held> held) : held_(std::move(held)) {}
Lock::Lock(Lock&&) noexcept = default;
Lock& Lock::operator=(Lock&&) noexcept = default;
Lock::~Lock() = default;

base::Result<Lock> Lock::acquire(const std::string& lockdir, const LockWorld& world) {
    Acquisition acquisition(lockdir, world);
    ISCSI_TRY(auto file, acquisition.lock_out_our_own());
    ISCSI_TRY(auto ownership, acquisition.become_owner(file));
    return Lock(
        std::make_unique<Held>(std::move(file), acquisition.link_path(), std::move(ownership)));
}

}  // namespace iscsi::store
