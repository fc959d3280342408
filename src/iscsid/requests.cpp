// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/requests.hpp"

#include <unistd.h>

#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/version.hpp"
#include "listing/session_info.hpp"

namespace iscsi::iscsid {

using base::ErrorCode;

// The items of one request, which end in any order: an ItemDone for each, and Done with the first
// error in order of items when all have ended.
class Requests::Batch {
public:
    Batch(std::shared_ptr<Answers> answers, std::size_t count)
        : answers_(std::move(answers)),
          results_(count, base::Error{ErrorCode::Success, {}}),
          open_(count + 1) {}

    // Called once after all items were started; a batch without items is done then.
    void started() { finish_one(); }
    void done(std::size_t index, std::uint64_t sid, ErrorCode code, std::string message) {
        results_[index] = {code, message};
        answers_->send(
            control::ItemDone{static_cast<std::uint32_t>(index), sid, code, std::move(message)});
        finish_one();
    }
    void tell(const control::Answer& progress) { answers_->send(progress); }
    // Success of an item whose answer is not an ItemDone.
    void done_quietly() { finish_one(); }

private:
    void finish_one() {
        if (--open_ != 0) return;
        for (const base::Error& result : results_) {
            if (result.code == ErrorCode::Success) continue;
            answers_->send(control::Done{result.code, result.message});
            return;
        }
        answers_->send(control::Done{});
    }

    std::shared_ptr<Answers> answers_;
    std::vector<base::Error> results_;
    std::size_t open_;
};

void Requests::carry_out(control::Request request, std::shared_ptr<Answers> answers) {
    std::visit([&](const auto& body) { run(body, answers); }, request);
}

void Requests::run(const control::Login& login, const std::shared_ptr<Answers>& answers) {
    auto batch = std::make_shared<Batch>(answers, login.items.size());
    for (std::size_t i = 0; i < login.items.size(); ++i) {
        const bool wait = !login.no_wait;
        const auto accepted =
            registry_.log_in(login.items[i], [batch, i, wait](Registry::LoginAnswer answer) {
                if (wait) batch->done(i, answer.sid, answer.code, std::move(answer.message));
            });
        if (!accepted) {
            batch->done(i, 0, accepted.error().code, accepted.error().message);
            continue;
        }
        if (!accepted->notice.empty()) {
            batch->tell(control::Notice{static_cast<std::uint32_t>(i), accepted->notice});
        }
        if (!wait) batch->done(i, 0, ErrorCode::Success, {});
    }
    batch->started();
}

void Requests::run(const control::Logout& logout, const std::shared_ptr<Answers>& answers) {
    auto batch = std::make_shared<Batch>(answers, logout.sids.size());
    for (std::size_t i = 0; i < logout.sids.size(); ++i) {
        const std::uint64_t sid = logout.sids[i];
        const auto accepted =
            registry_.log_out(sid, [batch, i, sid](ErrorCode code, std::string message) {
                batch->done(i, sid, code, std::move(message));
            });
        if (!accepted) batch->done(i, sid, accepted.error().code, accepted.error().message);
    }
    batch->started();
}

// Sessions are sent in order of their sids though their data paths answer in any order.
void Requests::run(const control::ListSessions& list, const std::shared_ptr<Answers>& answers) {
    struct Listing {
        std::vector<control::SessionInfo> sessions;
        std::size_t open = 1;
        std::shared_ptr<Answers> answers;
        void finish_one() {
            if (--open != 0) return;
            for (const control::SessionInfo& session : sessions) answers->send(session);
            answers->send(control::Done{});
        }
    };
    auto listing = std::make_shared<Listing>();
    listing->answers = answers;
    std::vector<Session*> wanted;
    if (list.sids.empty()) wanted = registry_.listed(list.unfinished);
    for (const std::uint64_t sid : list.sids) {
        Session* session = registry_.find(sid);
        if (session == nullptr) continue;
        if (list.unfinished || session->supervisor().is_listed()) wanted.push_back(session);
    }
    for (Session* session : wanted) {
        listing->sessions.push_back(describe(*session, list.secrets));
    }
    for (std::size_t i = 0; list.luns && i < wanted.size(); ++i) {
        if (wanted[i]->path().shows_luns_in_sysfs()) continue;
        ++listing->open;
        wanted[i]->path().status(
            wanted[i]->key(), [listing, i](const base::Result<datapath::SessionStatus>& status) {
                // A data path that does not answer is listed without LUNs.
                if (status) listing->sessions[i].luns = listing::lun_infos(status->luns);
                listing->finish_one();
            });
    }
    listing->finish_one();
}

void Requests::run(const control::GetStats& stats, const std::shared_ptr<Answers>& answers) {
    auto batch = std::make_shared<Batch>(answers, stats.sids.size());
    for (std::size_t i = 0; i < stats.sids.size(); ++i) {
        const std::uint64_t sid = stats.sids[i];
        Session* session = registry_.find(sid);
        if (session == nullptr) {
            batch->done(i, sid, ErrorCode::SessionNotFound, fmt::format("no session {}", sid));
            continue;
        }
        session->path().stats(
            session->key(), [batch, i, sid](const base::Result<datapath::Stats>& result) {
                if (!result)
                    return batch->done(i, sid, result.error().code, result.error().message);
                batch->tell(listing::stats_info(static_cast<std::uint32_t>(i), sid, *result));
                batch->done_quietly();
            });
    }
    batch->started();
}

void Requests::run(const control::Rescan& rescan, const std::shared_ptr<Answers>& answers) {
    auto batch = std::make_shared<Batch>(answers, rescan.sids.size());
    for (std::size_t i = 0; i < rescan.sids.size(); ++i) {
        const std::uint64_t sid = rescan.sids[i];
        Session* session = registry_.find(sid);
        if (session == nullptr) {
            batch->done(i, sid, ErrorCode::SessionNotFound, fmt::format("no session {}", sid));
            continue;
        }
        session->path().rescan(
            session->key(), [batch, i, sid](const base::Result<datapath::RescanDone>& result) {
                if (!result) {
                    const base::Error& error = result.error();
                    base::log(base::LogLevel::Warning, "session {}: scan: {}", sid, error.message);
                    return batch->done(i, sid, error.code, error.message);
                }
                if (!result->problems.empty()) {
                    base::log(base::LogLevel::Warning, "session {}: {}", sid, result->problems);
                    batch->tell(control::Notice{static_cast<std::uint32_t>(i), result->problems});
                }
                const std::string missing = result->missing_disks();
                if (!missing.empty()) {
                    base::log(base::LogLevel::Warning, "session {}: {}", sid, missing);
                }
                batch->done(i, sid, ErrorCode::Success, result->news());
            });
    }
    batch->started();
}

void Requests::run(const control::GetInfo&, const std::shared_ptr<Answers>& answers) {
    const Settings& settings = registry_.settings();
    answers->send(control::DaemonInfo{.version = std::string(base::kVersion),
                                      .config_file = host_.config_file,
                                      .initiatorname_file = host_.initiatorname_file,
                                      .initiator_name = settings.initiator_name,
                                      .initiator_alias = settings.initiator_alias,
                                      .pid = static_cast<std::uint32_t>(::getpid())});
    answers->send(control::Done{});
}

void Requests::run(const control::Stop&, const std::shared_ptr<Answers>& answers) {
    answers->send(control::Done{});
    host_.stop();
}

}  // namespace iscsi::iscsid
