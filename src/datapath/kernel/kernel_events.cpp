// SPDX-License-Identifier: LGPL-2.1-or-later
// What the kernel says unasked, turned into the events of a data path.
#include <asio/posix/stream_descriptor.hpp>

#include "base/log.hpp"
#include "datapath/kernel/session_state.hpp"
#include "scsi/sense.hpp"
#include "session/connection_error.hpp"

namespace iscsi::datapath {

using base::LogLevel;

namespace {

constexpr std::uint8_t kReportedLunsDataHasChanged[] = {0x3f, 0x0e};
constexpr std::size_t kSenseLengthBytes = 2;

// An asynchronous SCSI event (RFC 7143 section 11.9.4): length, then sense data.
bool luns_changed(base::ConstByteSpan data) {
    if (data.size() < kSenseLengthBytes) return false;
    const auto sense = scsi::parse_sense(data.subspan(kSenseLengthBytes));
    return sense && sense->is(kReportedLunsDataHasChanged[0], kReportedLunsDataHasChanged[1]);
}

}  // namespace

void KernelDataPath::wait_for_events() {
    readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this, alive = std::weak_ptr(alive_)](const std::error_code& error) {
                             if (error || alive.expired()) return;
                             drain_events();
                             if (!alive.expired()) wait_for_events();
                         });
}

void KernelDataPath::drain_events() {
    const std::weak_ptr alive = alive_;
    while (!alive.expired()) {
        auto event = channel_.next_event();
        if (!event) {
            base::log(LogLevel::Error, "{}", event.error().message);
            return;
        }
        if (!*event) return;
        if ((*event)->overrun) {
            on_overrun();
            continue;
        }
        if (const auto message = kernel::decode((*event)->bytes)) on_message(*message);
    }
}

void KernelDataPath::on_message(const kernel::Message& message) {
    if (const auto* pdu = std::get_if<kernel::RecvPdu>(&message)) {
        if (Session* session = find_sid(pdu->sid)) on_pdu(*session, *pdu);
        return;
    }
    if (const auto* error = std::get_if<kernel::ConnError>(&message)) {
        Session* session = find_sid(error->sid);
        if (session == nullptr || session->lost || !session->bound) return;
        session->lost = true;
        if (session->closing == Closing::SessionLogout) return finish_logout(*session);
        if (session->closing == Closing::ConnectionLogout) session->closing = Closing::No;
        const std::uint32_t number = error->error - session::kConnectionErrorBase;
        const auto text =
            session::connection_error_text(static_cast<session::ConnectionErrorNumber>(number));
        return on_event_(session->key,
                         session::ConnectionError{session->generation, number, std::string(text)});
    }
    if (const auto* unbound = std::get_if<kernel::SessionUnbound>(&message)) {
        Session* session = find_sid(unbound->sid);
        if (session == nullptr || session->closing != Closing::Unbinding) return;
        return send_logout(*session, proto::LogoutReason::CloseSession);
    }
    if (const auto* gone = std::get_if<kernel::SessionDestroyed>(&message)) {
        Session* session = find_sid(gone->sid);
        if (session == nullptr) return;  // we did it ourselves
        const SessionKey key = session->key;
        sessions_.erase(key);
        return on_event_(key, session::Gone{"the kernel's session was destroyed by somebody else"});
    }
}

void KernelDataPath::on_pdu(Session& session, const kernel::RecvPdu& pdu) {
    proto::Bhs bhs{};
    std::ranges::copy(pdu.bhs, bhs.begin());
    switch (static_cast<proto::Opcode>(proto::decode_common(bhs).opcode)) {
        case proto::Opcode::LoginResponse:
            // The kernel has checked its own tag; the control plane knows the one it asked with.
            base::store_u32(bhs, 16, session.login_tag);
            if (on_pdu_) {
                on_pdu_(session.key, {session.generation, bhs, {pdu.data.begin(), pdu.data.end()}});
            }
            return;
        case proto::Opcode::LogoutResponse:
            if (const auto response = proto::decode<proto::LogoutResponse>(bhs)) {
                on_logout_response(session, *response);
            }
            return;
        case proto::Opcode::AsyncMessage:
            if (const auto message = proto::decode<proto::AsyncMessage>(bhs)) {
                on_event_(session.key,
                          session::AsyncMessage{
                              .generation = session.generation,
                              .event = message->async_event,
                              .vendor_code = message->async_vcode,
                              .parameter1 = message->parameter1,
                              .parameter2 = message->parameter2,
                              .parameter3 = message->parameter3,
                              .luns_changed = message->async_event == 0 && luns_changed(pdu.data)});
            }
            return;
        default:
            base::log(LogLevel::Error, "session {}: unsupported opcode 0x{:x}", session.kernel.sid,
                      proto::decode_common(bhs).opcode);
            return;
    }
}

void KernelDataPath::on_logout_response(Session& session, const proto::LogoutResponse& response) {
    session.limit.reset();
    if (session.closing == Closing::SessionLogout) return finish_logout(session);
    if (session.closing != Closing::ConnectionLogout) return;
    session.closing = Closing::No;
    on_event_(session.key, session::ConnectionLogoutDone{.generation = session.generation,
                                                         .responded = true,
                                                         .response = response.response,
                                                         .time2wait_s = response.time2wait});
}

// Some events are lost. Whatever they were, they left their marks in sysfs.
void KernelDataPath::on_overrun() {
    base::log(LogLevel::Warning, "the kernel's iSCSI events came too fast, some were lost");
    std::vector<SessionKey> keys;
    keys.reserve(sessions_.size());
    for (const auto& [key, session] : sessions_) keys.push_back(key);
    for (const auto key : keys) {
        Session* session = find(key);
        if (session == nullptr) continue;
        const auto view = sysfs_.session(session->kernel.sid);
        if (!view) {
            sessions_.erase(key);
            on_event_(key, session::Gone{"the kernel's session is gone"});
        } else if (session->closing == Closing::Unbinding &&
                   sysfs_.luns(session->kernel.sid).empty()) {
            send_logout(*session, proto::LogoutReason::CloseSession);
        } else if (session->started && !session->lost && view->state != "LOGGED_IN") {
            session->lost = true;
            on_event_(key, session::ConnectionError{session->generation, 11,
                                                    "the kernel's connection has failed"});
        }
    }
}

}  // namespace iscsi::datapath
