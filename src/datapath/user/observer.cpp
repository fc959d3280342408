// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/user/observer.hpp"

#include <algorithm>
#include <asio/io_context.hpp>
#include <memory>
#include <utility>

#include "datapath/user/convert.hpp"
#include "datapath/user/userd_process.hpp"
#include "os/files.hpp"
#include "record/text.hpp"

namespace iscsi::datapath {

using base::ErrorCode;

namespace {

constexpr std::chrono::seconds kQuestionLimit{5};  // stats and status come from memory
constexpr std::chrono::seconds kNoLimit{0};
constexpr std::size_t kRecordFileBytesMax = 64UL * 1024;

// Asks some processes one question each, all at the same time.
class Survey {
public:
    explicit Survey(std::string rundir) : rundir_(std::move(rundir)) {}

    base::Status ask(std::uint64_t sid, RequestBody question, std::chrono::seconds limit,
                     AnswerHandler handler) {
        auto process = std::make_unique<UserdProcess>(io_, userlink::socket_path(rundir_, sid),
                                                      UserdProcess::Handlers{});
        ISCSI_TRY_VOID(process->attach(userlink::Role::Observer));
        ++open_;
        process->request(
            std::move(question),
            [this, handler = std::move(handler)](base::Result<AnswerBody> answer) {
                handler(std::move(answer));
                if (--open_ == 0) io_.stop();
            },
            limit);
        processes_.push_back(std::move(process));
        return {};
    }
    // Until all have answered.
    void run() {
        if (open_ > 0) io_.run();
    }

private:
    std::string rundir_;
    asio::io_context io_;
    std::vector<std::unique_ptr<UserdProcess>> processes_;
    std::size_t open_ = 0;
};

// Nobody listens where the session was.
std::unexpected<base::Error> as_ended(base::Error error) {
    if (error.code == ErrorCode::DaemonNotConnected) error.code = ErrorCode::SessionNotFound;
    return std::unexpected(std::move(error));
}

template <class T>
base::Result<T> ask_one(const std::string& rundir, std::uint64_t sid, RequestBody question,
                        std::chrono::seconds limit) {
    base::Result<T> result = base::fail(ErrorCode::Internal, "iscsi-userd gave no answer");
    Survey survey(rundir);
    const auto take = [&result](base::Result<AnswerBody> answer) {
        if (!answer) {
            result = as_ended(std::move(answer).error());
        } else if (auto* body = std::get_if<T>(&*answer)) {
            result = std::move(*body);
        }
    };
    if (auto asked = survey.ask(sid, std::move(question), limit, take); !asked) {
        return as_ended(std::move(asked).error());
    }
    survey.run();
    return result;
}

ObservedSession to_observed(const std::string& rundir, const userlink::Status& status) {
    ObservedSession seen{.session = to_adoptable(status), .status = to_status(status)};
    const auto text = os::system_files().read(
        fmt::format("{}/userd/{}.record", rundir, seen.session.sid), kRecordFileBytesMax);
    if (text) (void)record::parse_into(seen.session.spec.node, *text);  // we wrote it ourselves
    seen.session.has_secrets = text.has_value();
    return seen;
}

}  // namespace

std::vector<ObservedSession> observe_user_sessions(const std::string& rundir) {
    std::vector<ObservedSession> seen;
    const auto entries = os::system_files().list(rundir + "/userd");
    if (!entries) return seen;
    Survey survey(rundir);
    const auto take = [&](base::Result<AnswerBody> answer) {
        const auto* status = answer ? std::get_if<userlink::Status>(&*answer) : nullptr;
        // One without a target has been started a moment ago.
        if (status == nullptr || status->config.target.empty()) return;
        seen.push_back(to_observed(rundir, *status));
    };
    for (const os::DirectoryEntry& entry : *entries) {
        const auto sid = userlink::sid_of_socket_name(entry.name);
        // One that has died is no session any more.
        if (sid) (void)survey.ask(*sid, userlink::GetStatus{}, kQuestionLimit, take);
    }
    survey.run();
    std::ranges::sort(seen, {}, [](const ObservedSession& one) { return one.session.sid; });
    return seen;
}

base::Result<Stats> observe_stats(const std::string& rundir, std::uint64_t sid) {
    ISCSI_TRY(const auto stats,
              ask_one<userlink::Stats>(rundir, sid, userlink::GetStats{}, kQuestionLimit));
    return to_stats(stats);
}

base::Result<RescanDone> rescan_as_observer(const std::string& rundir, std::uint64_t sid) {
    ISCSI_TRY(auto done, ask_one<userlink::RescanDone>(rundir, sid, userlink::Rescan{}, kNoLimit));
    return RescanDone{.luns = done.luns,
                      .devices = done.devices,
                      .problems = std::move(done.problems),
                      .failures = std::move(done.failures),
                      .missing = std::move(done.missing),
                      .remarks = std::move(done.remarks)};
}

}  // namespace iscsi::datapath
