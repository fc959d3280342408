// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/data_path.hpp"

namespace iscsi::datapath {

base::Result<std::uint64_t> DataPath::bind(SessionKey /*key*/, ConnectedSocket /*socket*/) {
    return base::fail(base::ErrorCode::NotSupported, "the {} data path takes logged-in sockets",
                      name());
}

base::Status DataPath::send_pdu(SessionKey /*key*/, const proto::Bhs& /*bhs*/,
                                base::ConstByteSpan /*data*/) {
    return base::fail(base::ErrorCode::NotSupported, "the {} data path sends no PDUs", name());
}

}  // namespace iscsi::datapath
