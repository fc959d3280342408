// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/data_path.hpp"

#include <fmt/format.h>

#include "base/numbers.hpp"

namespace iscsi::datapath {

std::string RescanDone::missing_disks() const {
    std::string text;
    for (const std::string* lines : {&failures, &missing}) {
        for (const auto line : base::split(*lines, '\n')) {
            if (line.empty()) continue;
            text += fmt::format("{}no disk for {}", text.empty() ? "" : "\n", line);
        }
    }
    return text;
}

std::string RescanDone::news() const {
    const std::string disks = missing_disks();
    return fmt::format("{}{}{}", disks, disks.empty() || remarks.empty() ? "" : "\n", remarks);
}

base::Result<std::uint64_t> DataPath::bind(SessionKey /*key*/, ConnectedSocket /*socket*/) {
    return base::fail(base::ErrorCode::NotSupported, "the {} data path takes logged-in sockets",
                      name());
}

base::Status DataPath::send_pdu(SessionKey /*key*/, const proto::Bhs& /*bhs*/,
                                base::ConstByteSpan /*data*/) {
    return base::fail(base::ErrorCode::NotSupported, "the {} data path sends no PDUs", name());
}

}  // namespace iscsi::datapath
