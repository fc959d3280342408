// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/user/user_data_path.hpp"

#include <asio/post.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "datapath/user/convert.hpp"
#include "os/files.hpp"
#include "os/process.hpp"
#include "record/text.hpp"

namespace iscsi::datapath {

using base::ErrorCode;
using base::LogLevel;
using std::chrono::seconds;

namespace {

constexpr seconds kQuestionLimit{5};  // stats and status come from memory
constexpr seconds kBindLimit{20};
constexpr std::size_t kRecordFileBytesMax = 64UL * 1024;

std::string socket_directory(const std::string& rundir) { return rundir + "/userd"; }

// An answer of the kind that the request asks for, or an error. A process that has ended was the
// session: DaemonNotConnected would tell users that iscsid cannot be reached.
template <class T>
base::Result<T> expect(base::Result<AnswerBody> answer) {
    if (!answer && answer.error().code == ErrorCode::DaemonNotConnected) {
        return base::fail(ErrorCode::SessionNotFound, "the session has ended ({})",
                          answer.error().message);
    }
    if (!answer) return std::unexpected(std::move(answer).error());
    if (auto* body = std::get_if<T>(&*answer)) return std::move(*body);
    return base::fail(ErrorCode::Internal, "iscsi-userd gave another answer than asked for");
}

}  // namespace

struct UserDataPath::Session {
    SessionKey key;
    std::uint64_t sid = 0;
    SessionSpec spec;
    std::unique_ptr<UserdProcess> process;  // none before the first start
    std::deque<userlink::Event> early;      // before it was taken
    std::optional<std::string> ended_early;
    std::optional<std::string> terminated;      // it has said so, and why
    std::unique_ptr<asio::steady_timer> doubt;  // while it is to end: whether it still lives
};

UserDataPath::UserDataPath(asio::io_context& io, Options options)
    : io_(io), options_(std::move(options)) {}

UserDataPath::~UserDataPath() = default;

std::string UserDataPath::record_path(std::uint64_t sid) const {
    return fmt::format("{}/{}.record", socket_directory(options_.rundir), sid);
}

base::Status UserDataPath::save_record(std::uint64_t sid, const SessionSpec& spec) {
    os::Files& files = os::system_files();
    const std::string directory = socket_directory(options_.rundir);
    if (const auto made = os::make_directories(files, directory); !made) {
        return os::fail_file(ErrorCode::Internal, made.error(), directory);
    }
    const std::string text = record::print_file(spec.node);
    const std::string path = record_path(sid);
    const auto saved =
        os::replace_file(files, {.path = path, .text = text, .scratch_directory = directory});
    if (!saved) return os::fail_file(ErrorCode::Internal, saved.error(), path);
    return {};
}

UserDataPath::Session* UserDataPath::find(SessionKey key) {
    const auto found = sessions_.find(key);
    return found == sessions_.end() ? nullptr : found->second.get();
}

void UserDataPath::report(SessionKey key, session::DataPathEvent event) {
    on_event_(key, std::move(event));
}

void UserDataPath::report_later(SessionKey key, session::DataPathEvent event) {
    asio::post(io_, [this, key, event = std::move(event), alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) report(key, event);
    });
}

AnswerHandler UserDataPath::while_alive(AnswerHandler handler) const {
    return [handler = std::move(handler),
            alive = std::weak_ptr(alive_)](base::Result<AnswerBody> answer) {
        if (!alive.expired()) handler(std::move(answer));
    };
}

UserdProcess::Handlers UserDataPath::handlers_for(Session& session) {
    return {
        .on_event = [this,
                     &session](const userlink::Event& event) { on_userd_event(session, event); },
        .on_closed = [this, &session](const std::string& reason) { on_closed(session, reason); }};
}

// The process starts with the first connection: a login that fails leaves nothing behind.
void UserDataPath::create(SessionKey key, SessionSpec spec) {
    auto session = std::make_unique<Session>();
    session->key = key;
    session->sid = next_sid_++;
    session->spec = std::move(spec);
    const std::uint64_t sid = session->sid;
    sessions_[key] = std::move(session);
    report_later(key, session::Created{sid});
}

base::Status UserDataPath::launch(SessionKey key, Session& session) {
    // A session that could not be found again would be lost with this process.
    if (const auto saved = save_record(session.sid, session.spec); !saved) {
        return base::fail(saved.error().code,
                          "{} (sessions are kept below {}: it must exist and be writable)",
                          saved.error().message, options_.rundir);
    }
    session.process = std::make_unique<UserdProcess>(
        io_, userlink::socket_path(options_.rundir, session.sid), handlers_for(session));
    session.process->relay_log(options_.relay_log);
    session.process->launch(options_.program, session.sid);
    session.process->request(userlink::Configure{to_config(session.sid, session.spec)},
                             while_alive([this, key](base::Result<AnswerBody> answer) {
                                 if (answer) return;
                                 base::log(LogLevel::Error, "iscsi-userd: {}",
                                           answer.error().message);
                                 stop(key, StopMode::Terminate);
                             }));
    return {};
}

void UserDataPath::start(SessionKey key, LoggedInConnection connection) {
    Session* session = find(key);
    const std::uint64_t generation = connection.generation;
    if (session == nullptr) {
        return report_later(key, session::StartFailed{generation, ErrorCode::SessionNotFound,
                                                      "the session has ended"});
    }
    if (!session->process) {
        if (const auto launched = launch(key, *session); !launched) {
            return report_later(key, session::StartFailed{generation, launched.error().code,
                                                          launched.error().message});
        }
    }
    session->process->request(
        userlink::Bind{to_binding(connection)},
        while_alive([this, key, generation](base::Result<AnswerBody> answer) {
            if (!answer) {
                // DaemonNotConnected would tell users that iscsid cannot be reached.
                const bool died = answer.error().code == ErrorCode::DaemonNotConnected;
                return report(key, session::StartFailed{
                                       generation, died ? ErrorCode::Internal : answer.error().code,
                                       answer.error().message});
            }
            report(key, session::Started{generation});
        }),
        kBindLimit, std::move(connection.socket));
}

void UserDataPath::stop(SessionKey key, StopMode mode) {
    Session* session = find(key);
    if (session == nullptr) return;
    if (!session->process) {
        if (mode == StopMode::Terminate) {
            report_later(key, session::Gone{"never started"});
            asio::post(io_, [this, key, alive = std::weak_ptr(alive_)] {
                if (!alive.expired()) forget(key);
            });
        }
        return;
    }
    const auto wire_mode =
        mode == StopMode::Recover ? userlink::StopMode::Recover : userlink::StopMode::Terminate;
    session->process->request(
        userlink::Stop{wire_mode}, while_alive([this, key](base::Result<AnswerBody> answer) {
            if (!answer) {
                base::log(LogLevel::Debug, "iscsi-userd: stop: {}", answer.error().message);
                return;
            }
            auto* end = std::get_if<userlink::LoggedOut>(&*answer);
            if (end == nullptr || end->losses.empty()) return;
            report(key, session::LogoutDone{ErrorCode::Success, std::move(end->losses)});
        }));
    if (mode == StopMode::Terminate) watch_end(key);
}

// A process that is to end may take its time, as long as it answers.
void UserDataPath::watch_end(SessionKey key) {
    Session* session = find(key);
    if (session == nullptr) return;
    if (!session->doubt) session->doubt = std::make_unique<asio::steady_timer>(io_);
    session->doubt->expires_after(options_.patience.question);
    session->doubt->async_wait(
        [this, key, alive = std::weak_ptr(alive_)](const asio::error_code& error) {
            if (!error && !alive.expired()) ask_whether_it_lives(key);
        });
}

void UserDataPath::ask_whether_it_lives(SessionKey key) {
    Session* session = find(key);
    if (session == nullptr) return;
    session->process->request(
        userlink::GetStatus{}, while_alive([this, key](const base::Result<AnswerBody>& answer) {
            const Session* asked = find(key);
            if (asked == nullptr) return;
            const bool silent = !answer && answer.error().code == ErrorCode::RequestTimedOut;
            const auto pid = asked->process->pid();
            watch_end(key);
            if (!silent) return;
            report(key, session::Stuck{fmt::format("iscsi-userd{} does not answer",
                                                   pid ? fmt::format(" (process {})", *pid) : "")});
        }),
        options_.patience.answer);
}

void UserDataPath::logout(SessionKey key, seconds timeout) {
    Session* session = find(key);
    if (session == nullptr || !session->process) {
        return report_later(key, session::LogoutDone{ErrorCode::SessionNotFound, "no session"});
    }
    session->process->request(
        userlink::Logout{static_cast<std::uint32_t>(timeout.count())},
        while_alive([this, key](base::Result<AnswerBody> answer) {
            if (!answer) {
                return report(key,
                              session::LogoutDone{answer.error().code, answer.error().message});
            }
            // A process older than this program just says that it is done.
            auto* end = std::get_if<userlink::LoggedOut>(&*answer);
            report(key, session::LogoutDone{ErrorCode::Success,
                                            end != nullptr ? std::move(end->losses) : ""});
        }));
    watch_end(key);
}

void UserDataPath::logout_connection(SessionKey key, seconds timeout) {
    Session* session = find(key);
    if (session == nullptr || !session->process) return;
    // The event LogoutDone tells the outcome; the supervisor has a deadline of its own.
    session->process->request(
        userlink::LogoutConnection{static_cast<std::uint32_t>(timeout.count())},
        [](base::Result<AnswerBody>) {});
}

void UserDataPath::update(SessionKey key, SessionSpec spec) {
    Session* session = find(key);
    if (session == nullptr) return;
    session->spec = std::move(spec);
    if (!session->process) return;
    if (const auto saved = save_record(session->sid, session->spec); !saved) {
        base::log(LogLevel::Error, "session {}: {}", session->sid, saved.error().message);
    }
    session->process->request(userlink::Configure{to_config(session->sid, session->spec)},
                              [](base::Result<AnswerBody>) {});
}

void UserDataPath::rescan(SessionKey key, Handler<RescanDone> done) {
    Session* session = find(key);
    if (session == nullptr || !session->process) {
        asio::post(io_, [done = std::move(done)] {
            done(base::fail(ErrorCode::SessionNotFound, "no session"));
        });
        return;
    }
    session->process->request(userlink::Rescan{},
                              [done = std::move(done)](base::Result<AnswerBody> answer) {
                                  auto result = expect<userlink::RescanDone>(std::move(answer));
                                  if (!result)
                                      return done(std::unexpected(std::move(result).error()));
                                  done(RescanDone{.luns = result->luns,
                                                  .devices = result->devices,
                                                  .problems = std::move(result->problems),
                                                  .failures = std::move(result->failures),
                                                  .missing = std::move(result->missing),
                                                  .remarks = std::move(result->remarks)});
                              });
}

void UserDataPath::stats(SessionKey key, Handler<Stats> done) {
    Session* session = find(key);
    if (session == nullptr || !session->process) {
        asio::post(io_, [done = std::move(done)] {
            done(base::fail(ErrorCode::SessionNotFound, "no session"));
        });
        return;
    }
    session->process->request(
        userlink::GetStats{},
        [done = std::move(done)](base::Result<AnswerBody> answer) {
            auto result = expect<userlink::Stats>(std::move(answer));
            if (!result) return done(std::unexpected(std::move(result).error()));
            done(to_stats(*result));
        },
        kQuestionLimit);
}

void UserDataPath::status(SessionKey key, Handler<SessionStatus> done) {
    Session* session = find(key);
    if (session == nullptr || !session->process) {
        asio::post(io_, [done = std::move(done)] {
            done(base::fail(ErrorCode::SessionNotFound, "no session"));
        });
        return;
    }
    session->process->request(
        userlink::GetStatus{},
        [done = std::move(done)](base::Result<AnswerBody> answer) {
            auto result = expect<userlink::Status>(std::move(answer));
            if (!result) return done(std::unexpected(std::move(result).error()));
            done(to_status(*result));
        },
        kQuestionLimit);
}

// Events --------------------------------------------------------------------------------------

void UserDataPath::on_userd_event(Session& session, const userlink::Event& event) {
    struct Translate {
        session::DataPathEvent operator()(const userlink::ConnectionError& e) const {
            return session::ConnectionError{e.generation, e.number, e.text};
        }
        session::DataPathEvent operator()(const userlink::AsyncMessage& e) const {
            return session::AsyncMessage{.generation = e.generation,
                                         .event = e.event,
                                         .vendor_code = e.vendor_code,
                                         .parameter1 = e.parameter1,
                                         .parameter2 = e.parameter2,
                                         .parameter3 = e.parameter3,
                                         .luns_changed = e.luns_changed};
        }
        session::DataPathEvent operator()(const userlink::LogoutDone& e) const {
            return session::ConnectionLogoutDone{.generation = e.generation,
                                                 .responded = e.responded,
                                                 .response = e.response,
                                                 .time2wait_s = e.time2wait_s};
        }
        session::DataPathEvent operator()(const userlink::RecoveryTimeout&) const {
            return session::RecoveryTimeout{};
        }
        session::DataPathEvent operator()(const userlink::DevicesChanged& e) const {
            return session::DevicesChanged{e.reason};
        }
        session::DataPathEvent operator()(const userlink::Terminated& e) const {
            return session::Gone{e.reason};  // not from here, see below
        }
        session::DataPathEvent operator()(const userlink::LogLine&) const {
            return session::DevicesChanged{};  // not from here, see below
        }
    };
    if (const auto* line = std::get_if<userlink::LogLine>(&event)) {
        return base::log(line->level, "iscsi-userd: session {}: {}", session.sid, line->text);
    }
    // The session is gone when its process is: until then a device may still be there.
    if (const auto* terminated = std::get_if<userlink::Terminated>(&event)) {
        session.terminated = terminated->reason;
        return;
    }
    report(session.key, std::visit(Translate{}, event));
}

void UserDataPath::on_closed(Session& session, const std::string& reason) {
    const SessionKey key = session.key;
    const auto terminated = std::move(session.terminated);
    if (!terminated) remove_traces(session.sid);
    forget(key);  // `session` is no more
    report(key, session::Gone{terminated ? *terminated : fmt::format("iscsi-userd: {}", reason)});
}

// Of a process that ended without removing its devices: killed, or crashed.
void UserDataPath::remove_traces(std::uint64_t sid) {
    const std::string path = userlink::socket_path(options_.rundir, sid);
    (void)os::system_files().unlink(path);  // nobody listens there any more
    (void)os::system_files().unlink(record_path(sid));
    (void)os::system_files().unlink(
        fmt::format("{}/{}.pid", socket_directory(options_.rundir), sid));
    const auto cleaner = os::spawn_detached(options_.program, {"--clean"});
    if (!cleaner) return base::log(LogLevel::Error, "{}", cleaner.error().message);
    collect_in_background(io_, *cleaner);
}

void UserDataPath::forget(SessionKey key) {
    auto node = sessions_.extract(key);
    if (node.empty()) return;
    // Nobody is helped by the reason why a file could not be removed from a run directory.
    (void)os::system_files().unlink(record_path(node.mapped()->sid));
}

// Sessions of an earlier iscsid ---------------------------------------------------------------

// Until a session is taken its events wait: what happens in between must not be lost.
UserdProcess::Handlers UserDataPath::early_handlers(Session& session) {
    return {
        .on_event = [&session](const userlink::Event& event) { session.early.push_back(event); },
        .on_closed = [&session](const std::string& reason) { session.ended_early = reason; }};
}

struct UserDataPath::Search {
    std::function<void(std::vector<Adoptable>)> done;
    std::vector<Adoptable> found;
    std::size_t open = 0;

    void finish_one() {
        if (--open == 0) done(std::move(found));
    }
};

void UserDataPath::find_running(std::function<void(std::vector<Adoptable>)> done) {
    auto search = std::make_shared<Search>();  // owners: the questions still open
    search->done = std::move(done);
    search->open = 1;
    const auto entries = os::system_files().list(socket_directory(options_.rundir));
    if (entries) {
        for (const os::DirectoryEntry& entry : *entries) {
            const auto sid = userlink::sid_of_socket_name(entry.name);
            if (sid) look_at(search, *sid);
        }
    }
    asio::post(io_, [search] { search->finish_one(); });
}

void UserDataPath::look_at(const std::shared_ptr<Search>& search, std::uint64_t sid) {
    next_sid_ = std::max(next_sid_, sid + 1);
    auto session = std::make_unique<Session>();
    session->sid = sid;
    const std::string path = userlink::socket_path(options_.rundir, sid);
    session->process = std::make_unique<UserdProcess>(io_, path, early_handlers(*session));
    session->process->relay_log(options_.relay_log);
    if (const auto attached = session->process->attach(); !attached) {
        base::log(LogLevel::Error,
                  "session {}: its iscsi-userd has died ({}); removing the devices it left", sid,
                  attached.error().message);
        return remove_traces(sid);
    }
    ++search->open;
    session->process->request(
        userlink::GetStatus{}, while_alive([this, search, sid](base::Result<AnswerBody> answer) {
            auto status = expect<userlink::Status>(std::move(answer));
            if (status) {
                Adoptable adoptable = to_adoptable(*status);
                adoptable.sid = sid;
                const auto text = os::system_files().read(record_path(sid), kRecordFileBytesMax);
                if (text) (void)record::parse_into(adoptable.spec.node, *text);
                adoptable.has_secrets = text.has_value();
                if (const auto found = found_.find(sid); found != found_.end()) {
                    found->second->spec = adoptable.spec;
                }
                search->found.push_back(std::move(adoptable));
            } else {
                base::log(LogLevel::Error, "session {}: {}", sid, status.error().message);
            }
            search->finish_one();
        }),
        kQuestionLimit);
    found_[sid] = std::move(session);
}

void UserDataPath::take(SessionKey key, std::uint64_t sid) {
    auto node = found_.extract(sid);
    if (node.empty()) return;
    node.mapped()->key = key;
    Session& session = *node.mapped();
    session.process->set_handlers(handlers_for(session));
    sessions_[key] = std::move(node.mapped());
    asio::post(io_, [this, key, alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        Session* taken = find(key);
        while (taken != nullptr && !taken->early.empty()) {
            const userlink::Event event = taken->early.front();
            taken->early.pop_front();
            on_userd_event(*taken, event);
            taken = find(key);
        }
        if (taken == nullptr || !taken->ended_early) return;
        const std::string reason = *taken->ended_early;
        on_closed(*taken, reason);
    });
}

}  // namespace iscsi::datapath
