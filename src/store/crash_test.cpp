// SPDX-License-Identifier: LGPL-2.1-or-later
// Kills a process at every single step that changes a file, in each transaction of the store. Each
// time every record must be whole, old or new, everything must be listed and loaded, and the same
// transaction must then succeed at once and leave what it leaves without a crash.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <set>

#include "os/files_lock.hpp"
#include "os/forwarding_files.hpp"
#include "store/testing/test_tree.hpp"

namespace iscsi::store {
namespace {

using namespace std::chrono_literals;
using record::Assignment;
using Assignments = std::vector<Assignment>;

// The real file system, until `steps` changes are done; the next one is done by half, if it can be,
// and then ends it all: by death, or by an error that every later change meets as well.
class BreakingFiles final : public os::ForwardingFiles {
public:
    enum class End { Death, Errors };
    // Set: each directory of the root is a mount of its own, and the root is read-only.
    std::string apart_in;

    BreakingFiles(int steps, End end)
        : ForwardingFiles(os::system_files()), steps_(steps), end_(end) {}
    bool broken() const { return broken_; }

    os::Expected<bool> on_one_mount(const std::string& a, const std::string& b) override {
        if (!apart_in.empty()) return false;
        return next().on_one_mount(a, b);
    }
    os::Expected<os::Fd> create_nameless(const std::string& directory) override {
        return step<os::Fd>([&] { return next().create_nameless(directory); });
    }
    os::Expected<void> give_name(const os::Fd& file, const std::string& path) override {
        return step<void>([&] { return next().give_name(file, path); });
    }
    os::Expected<os::Fd> create(const std::string& path) override {
        if (is_read_only(path)) return std::unexpected(os::Errno{EROFS});
        return step<os::Fd>([&] { return next().create(path); });
    }
    os::Expected<void> write(const os::Fd& file, std::string_view text) override {
        if (steps_ == 0 && !broken_) (void)next().write(file, text.substr(0, text.size() / 2));
        return step<void>([&] { return next().write(file, text); });
    }
    os::Expected<void> sync(const os::Fd& file) override {
        return step<void>([&] { return next().sync(file); });
    }
    os::Expected<void> rewrite(const std::string& path, std::string_view text) override {
        return step<void>([&] { return next().rewrite(path, text); });
    }
    os::Expected<void> rename(const std::string& from, const std::string& to) override {
        if (is_read_only(from) || is_read_only(to)) return std::unexpected(os::Errno{EROFS});
        return step<void>([&] { return next().rename(from, to); });
    }
    os::Expected<void> exchange(const std::string& a, const std::string& b) override {
        return step<void>([&] { return next().exchange(a, b); });
    }
    os::Expected<void> unlink(const std::string& path) override {
        return step<void>([&] { return next().unlink(path); });
    }
    os::Expected<void> make_directory(const std::string& path) override {
        return step<void>([&] { return next().make_directory(path); });
    }
    os::Expected<void> remove_directory(const std::string& path) override {
        return step<void>([&] { return next().remove_directory(path); });
    }
    os::Expected<void> make_link(const std::string& target, const std::string& path) override {
        return step<void>([&] { return next().make_link(target, path); });
    }
    os::Expected<void> sync_file_system(const std::string& path) override {
        return step<void>([&] { return next().sync_file_system(path); });
    }
    os::Expected<void> sync_directory(const std::string& path) override {
        return step<void>([&] { return next().sync_directory(path); });
    }

private:
    bool is_read_only(const std::string& path) const {
        return !apart_in.empty() && path.rfind('/') == apart_in.size();
    }

    template <class T, class Operation>
    os::Expected<T> step(Operation operation) {
        if (steps_ > 0) {
            --steps_;
            return operation();
        }
        broken_ = true;
        if (end_ == End::Death) ::kill(::getpid(), SIGKILL);
        return std::unexpected(os::Errno{ENOSPC});
    }

    int steps_;
    End end_;
    bool broken_ = false;
};

struct Scenario {
    const char* name;
    std::function<void(Store&)> prepare;
    std::function<base::Status(Store&)> act;
    bool apart = false;  // with the kinds of records on mounts of their own
};

template <class T>
base::Status status_of(const base::Result<T>& result) {
    if (!result) return std::unexpected(result.error());
    return {};
}

record::Node disk(const std::string& address, std::int32_t tpgt = 1) {
    record::Node node;
    node.name = "iqn.a";
    node.conn[0].address = address;
    node.tpgt = tpgt;
    return node;
}
const NodeId kFirst{"iqn.a", "10.0.0.1", 3260, 1};

record::Iface iface() {
    record::Iface iface;
    iface.iscsi_ifacename = "if1";
    return iface;
}
record::Node bound(const std::string& address) {
    auto node = disk(address);
    node.iface = iface();
    return node;
}
record::SendTargets discovery() {
    record::SendTargets record;
    record.address = "10.0.0.9";
    return record;
}
DiscoveryRun run_of(const std::vector<std::string>& addresses) {
    DiscoveryRun run{.source = {"10.0.0.9", 3260},
                     .portals = {},
                     .ifaces = {record::builtin_iface("default")},
                     .ops = DiscoveryOps::all()};
    for (const auto& address : addresses) run.portals.push_back({"iqn.a", {address, 3260, 1}});
    return run;
}

void nothing(Store&) {}

std::vector<Scenario> node_scenarios() {
    return {
        {"AddFirst", nothing, [](Store& s) { return s.add(disk("10.0.0.1")); }},
        {"AddOver", [](Store& s) { expect_ok(s.add(disk("10.0.0.1"))); },
         [](Store& s) {
             auto node = disk("10.0.0.1");
             node.startup = record::Startup::Automatic;
             return s.add(node);
         }},
        {"AddFromElsewhere", [](Store& s) { expect_ok(s.add(disk("10.0.0.1"))); },
         [](Store& s) {
             auto node = disk("10.0.0.1");
             node.discovery_type = record::NodeDiscoveryType::SendTargets;
             node.discovery_address = "10.0.0.9";
             node.discovery_port = 3260;
             return s.add(node);
         }},
        {"AddOverUntagged", [](Store& s) { expect_ok(s.add(disk("10.0.0.1", -1))); },
         [](Store& s) { return s.add(disk("10.0.0.1")); }},
        {"Update", [](Store& s) { expect_ok(s.add(disk("10.0.0.1"))); },
         [](Store& s) {
             return status_of(s.update(kFirst, Assignments{{"node.startup", "automatic"}}));
         }},
        {"Remove",
         [](Store& s) {
             expect_ok(s.add(disk("10.0.0.1")));
             expect_ok(s.add(disk("10.0.0.2")));
         },
         [](Store& s) {
             const auto removed = s.remove(kFirst);
             // Done by the one that was killed.
             if (!removed && removed.error().code == base::ErrorCode::NoObjectsFound) {
                 return base::Status{};
             }
             return removed;
         }},
    };
}

constexpr int kMany = 9;  // too many to be synced one by one

void add_many(Store& store) {
    for (int i = 0; i < kMany; ++i) expect_ok(store.add(disk("10.0.0." + std::to_string(i))));
}

std::vector<Scenario> many_scenarios() {
    return {
        {"UpdateMany", add_many,
         [](Store& s) {
             const auto ids = value_of(s.find({}));
             base::Status all;
             const auto told = [&](const auto& updated) {
                 if (!updated) all = status_of(updated);
             };
             const auto synced =
                 s.update_all(ids, Assignments{{"node.startup", "automatic"}}, told);
             return synced ? all : synced;
         }},
        {"RemoveMany", add_many,
         [](Store& s) {
             const auto ids = value_of(s.find({}));
             base::Status all;
             const auto told = [&](const base::Status& removed) {
                 if (!removed) all = removed;
             };
             const auto synced = s.remove_all(ids, told);
             return synced ? all : synced;
         }},
    };
}

std::vector<Scenario> iface_scenarios() {
    return {
        {"AddIface", nothing, [](Store& s) { return s.add_iface(iface()); }},
        {"UpdateIface",
         [](Store& s) {
             expect_ok(s.add_iface(iface()));
             expect_ok(s.add(bound("10.0.0.1")));
             expect_ok(s.add(bound("10.0.0.2")));
         },
         [](Store& s) {
             return status_of(s.update_iface("if1", Assignments{{"iface.mtu", "9000"}}));
         }},
        {"RemoveIface",
         [](Store& s) {
             expect_ok(s.add_iface(iface()));
             expect_ok(s.add(bound("10.0.0.1")));
         },
         [](Store& s) {
             const auto removed = s.remove_iface("if1");
             if (!removed && removed.error().code == base::ErrorCode::NoObjectsFound) {
                 return base::Status{};
             }
             return removed;
         }},
    };
}

std::vector<Scenario> discovery_scenarios() {
    return {
        {"SaveDiscovery", nothing, [](Store& s) { return s.save_send_targets(discovery()); }},
        {"UpdateDiscovery", [](Store& s) { expect_ok(s.save_send_targets(discovery())); },
         [](Store& s) {
             return status_of(s.update_send_targets(
                 {"10.0.0.9", 3260}, Assignments{{"discovery.startup", "automatic"}}));
         }},
        {"UpdateOldDiscovery",
         [](Store& s) {
             std::filesystem::create_directories(s.paths().send_targets());
             std::ofstream(s.paths().send_targets() + "/10.0.0.9,3260")
                 << record::print_file(discovery());
         },
         [](Store& s) {
             return status_of(s.update_send_targets(
                 {"10.0.0.9", 3260}, Assignments{{"discovery.startup", "automatic"}}));
         }},
        {"RemoveDiscovery",
         [](Store& s) {
             expect_ok(s.save_send_targets(discovery()));
             EXPECT_TRUE(s.apply_discovery(run_of({"10.0.0.1", "10.0.0.2"})));
         },
         [](Store& s) {
             const auto removed = s.remove_send_targets({"10.0.0.9", 3260});
             if (!removed && removed.error().message.ends_with("not found.")) return base::Status{};
             return removed;
         }},
        {"Discover",
         [](Store& s) {
             expect_ok(s.save_send_targets(discovery()));
             EXPECT_TRUE(s.apply_discovery(run_of({"10.0.0.1", "10.0.0.2"})));
         },
         [](Store& s) { return status_of(s.apply_discovery(run_of({"10.0.0.1", "10.0.0.3"}))); }},
        {"DiscoverMany", [](Store& s) { expect_ok(s.save_send_targets(discovery())); },
         [](Store& s) {
             std::vector<std::string> addresses(9);
             for (std::size_t i = 0; i < addresses.size(); ++i) {
                 addresses[i] = "10.0.0." + std::to_string(i);
             }
             return status_of(s.apply_discovery(run_of(addresses)));
         }},
    };
}

std::vector<Scenario> all_scenarios() {
    auto all = node_scenarios();
    for (auto& scenario : many_scenarios()) all.push_back(scenario);
    for (auto& scenario : iface_scenarios()) all.push_back(scenario);
    for (auto& scenario : discovery_scenarios()) all.push_back(scenario);
    const auto together = all;
    for (auto scenario : together) {
        scenario.apart = true;
        all.push_back(scenario);
    }
    return all;
}

class Crash : public StoreTest, public ::testing::WithParamInterface<Scenario> {
protected:
    using Texts = std::map<std::string, std::string>;  // path below the root -> content

    // Records only: not the scratch files that a dead writer leaves.
    Texts records() const {
        Texts texts;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(paths_.dbroot)) {
            const auto name = entry.path().lexically_relative(paths_.dbroot).string();
            if (name.contains(".new-") || entry.is_symlink()) continue;
            if (entry.is_regular_file()) texts[name] = slurp(entry.path());
        }
        return texts;
    }
    void start_over() {
        std::filesystem::remove_all(root_);
        std::filesystem::create_directory(root_);
        Store store(paths_);
        expect_ok(store.ensure_root());
        GetParam().prepare(store);
    }
    void set_apart(BreakingFiles& files) const {
        if (GetParam().apart) files.apart_in = paths_.dbroot;
    }
    void expect_whole(const Texts& before, const Texts& after) {
        for (const auto& [name, text] : records()) {
            const auto old = before.find(name);
            const auto current = after.find(name);
            EXPECT_TRUE((old != before.end() && old->second == text) ||
                        (current != after.end() && current->second == text))
                << name << " is neither old nor new:\n"
                << text;
        }
        for (const auto& [name, text] : before) {
            EXPECT_TRUE(records().contains(name) || !after.contains(name)) << name << " is lost";
        }
    }
    void expect_usable() {
        Store store(paths_);
        for (const auto& id : value_of(store.find({}))) value_of(store.load(id));
        EXPECT_TRUE(value_of(store.ifaces()).problems.empty());
        EXPECT_TRUE(value_of(store.isns()).problems.empty());
        const auto sources = value_of(store.send_targets());
        EXPECT_TRUE(sources.problems.empty()) << sources.problems.front().message;
        for (const auto& id : sources.ids) {
            value_of(store.load_send_targets(id));
            value_of(store.linked(record::NodeDiscoveryType::SendTargets, id));
        }
    }
    void expect_next_try_succeeds(const Texts& after) {
        const auto start = os::steady_time();
        Store store(paths_);
        expect_ok(GetParam().act(store));
        EXPECT_LT(os::steady_time() - start, 1s);
        EXPECT_EQ(records(), after);
        // A writer tidies up after dead ones.
        expect_ok(store.save_send_targets(discovery()));
        expect_ok(store.remove_send_targets({"10.0.0.9", 3260}));
        for (const auto& entry : std::filesystem::recursive_directory_iterator(paths_.dbroot)) {
            EXPECT_FALSE(entry.path().filename().string().starts_with(".new-")) << entry.path();
            const bool is_source = entry.path().parent_path() == store.paths().send_targets();
            EXPECT_FALSE(is_source && std::filesystem::is_empty(entry)) << entry.path();
        }
    }
};

TEST_P(Crash, AtAnyStepLeavesOldOrNew) {
    start_over();
    const Texts before = records();
    {
        Store store(paths_);
        expect_ok(GetParam().act(store));
    }
    const Texts after = records();

    for (int steps = 0;; ++steps) {
        SCOPED_TRACE("killed after " + std::to_string(steps) + " steps");
        ASSERT_LT(steps, 200);
        start_over();
        const pid_t child = ::fork();
        if (child == 0) {
            BreakingFiles files(steps, BreakingFiles::End::Death);
            set_apart(files);
            Store store(paths_, files);
            (void)GetParam().act(store);
            ::_exit(0);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            EXPECT_GT(steps, 0);
            break;
        }
        expect_whole(before, after);
        expect_usable();
        expect_next_try_succeeds(after);
        if (HasFailure()) break;
    }
}

TEST_P(Crash, AFullDiskAtAnyStepIsReportedAndLeavesOldOrNew) {
    start_over();
    const Texts before = records();
    {
        Store store(paths_);
        expect_ok(GetParam().act(store));
    }
    const Texts after = records();

    for (int steps = 0;; ++steps) {
        SCOPED_TRACE("failing after " + std::to_string(steps) + " steps");
        ASSERT_LT(steps, 200);
        start_over();
        BreakingFiles files(steps, BreakingFiles::End::Errors);
        set_apart(files);
        Store store(paths_, files);
        const auto acted = GetParam().act(store);
        if (!files.broken()) break;
        if (!acted) {
            EXPECT_EQ(acted.error().code, base::ErrorCode::Database);
            EXPECT_TRUE(acted.error().message.contains(paths_.dbroot)) << acted.error().message;
        }
        expect_whole(before, after);
        expect_usable();
        if (HasFailure()) break;
    }
}

INSTANTIATE_TEST_SUITE_P(Store, Crash, ::testing::ValuesIn(all_scenarios()),
                         [](const auto& instance) {
                             const Scenario& scenario = instance.param;
                             return std::string(scenario.name) +
                                    (scenario.apart ? "OnMountsApart" : "");
                         });

// --- many processes at once ----------------------------------------------------------------------

class Parallel : public StoreTest {
protected:
    static constexpr int kProcesses = 8;
    // Runs `body(number)` in processes of their own; it returns whether all went well.
    static void run(const std::function<bool(int)>& body) {
        std::set<pid_t> children;
        for (int number = 0; number < kProcesses; ++number) {
            const pid_t child = ::fork();
            if (child == 0) ::_exit(body(number) ? 0 : 1);
            children.insert(child);
        }
        for (const pid_t child : children) {
            int status = 0;
            EXPECT_EQ(::waitpid(child, &status, 0), child);
            EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
    }
};

// Each process counts in a key of its own, so that any update that overtakes another shows.
TEST_F(Parallel, NoUpdateOfASharedRecordIsLost) {
    constexpr int kRounds = 60;
    const std::vector<std::string> keys{"node.session.queue_depth",
                                        "node.session.cmds_max",
                                        "node.session.nr_sessions",
                                        "node.session.reopen_max",
                                        "node.session.initial_cmdsn",
                                        "node.session.initial_login_retry_max",
                                        "node.session.timeo.replacement_timeout",
                                        "node.session.iscsi.ERL"};
    expect_ok(Store(paths_).add(disk("10.0.0.1")));

    run([&](int number) {
        Store store(paths_);
        const auto& key = keys[static_cast<std::size_t>(number)];
        for (int round = 1; round <= kRounds; ++round) {
            const auto value = std::to_string(1000 * (number + 1) + round);
            if (!store.update(kFirst, Assignments{{key, value}})) return false;
            const auto node = store.load(kFirst);
            if (!node || record::schema<record::Node>().find(key)->text(*node) != value)
                return false;
        }
        return true;
    });

    const auto node = value_of(Store(paths_).load(kFirst));
    for (std::size_t number = 0; number < keys.size(); ++number) {
        EXPECT_EQ(record::schema<record::Node>().find(keys[number])->text(node),
                  std::to_string(1000 * (number + 1) + kRounds));
    }
}

TEST_F(Parallel, RecordsOfOneTargetAreAddedFoundAndDeletedAtOnce) {
    run([&](int number) {
        Store store(paths_);
        for (int round = 0; round < 30; ++round) {
            const auto node = disk("10.0.0." + std::to_string(number + 1));
            if (!store.add(node) || !store.load(node_id(node)) || !store.find({}) ||
                !store.remove(node_id(node))) {
                return false;
            }
        }
        return true;
    });

    EXPECT_EQ(value_of(Store(paths_).find({})).size(), 0U);
    EXPECT_FALSE(exists("nodes/iqn.a"));
}

TEST_F(Parallel, TheSameDiscoveryManyTimesAtOnce) {
    run([&](int) {
        Store store(paths_);
        for (int round = 0; round < 10; ++round) {
            const auto effect = store.apply_discovery(run_of({"10.0.0.1", "10.0.0.2"}));
            if (effect && effect->problems.empty() && effect->nodes.size() == 2) continue;
            // The child's own word: its parent sees a failed exit status only.
            fmt::print(
                stderr, "round {}: {}\n", round,
                effect ? fmt::format("{} nodes, {}", effect->nodes.size(),
                                     effect->problems.empty() ? "no problem"
                                                              : effect->problems.front().message)
                       : effect.error().message);
            return false;
        }
        return true;
    });

    EXPECT_EQ(value_of(Store(paths_).find({})).size(), 2U);
}

// Killed in the middle of anything, again and again, while others go on.
TEST_F(Parallel, KilledProcessesHoldNobodyUp) {
    expect_ok(Store(paths_).add(disk("10.0.0.1")));
    run([&](int number) {
        const bool dies = number % 2 == 0;
        for (int round = 0; round < 20; ++round) {
            const auto act = [&](os::Files& files) {
                Store store(paths_, files);
                return status_of(store.update(
                    kFirst, Assignments{{"node.session.queue_depth", std::to_string(round)}}));
            };
            if (!dies) {
                const auto start = os::steady_time();
                if (!act(os::system_files())) return false;
                if (os::steady_time() - start > 2s) return false;
                continue;
            }
            const pid_t child = ::fork();
            if (child == 0) {
                BreakingFiles files(round % 6, BreakingFiles::End::Death);
                (void)act(files);
                ::_exit(0);
            }
            if (::waitpid(child, nullptr, 0) != child) return false;
        }
        return true;
    });

    value_of(Store(paths_).load(kFirst));
}

}  // namespace
}  // namespace iscsi::store
