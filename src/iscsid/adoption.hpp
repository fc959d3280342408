// SPDX-License-Identifier: LGPL-2.1-or-later
// Sessions that ran before this iscsid: the records that they are recovered by.
#pragma once

#include "datapath/data_path.hpp"
#include "record/node.hpp"
#include "store/store.hpp"

namespace iscsi::iscsid {

// A data path that keeps the record returns it, with CHAP secrets from the database where it has
// none. The kernel knows a part of it: the rest comes from the database by target, portal and
// iface, or if there is no such record (any more) from `defaults`, iscsid.conf's. CHAP and iface
// are what the session has. What is lost is logged.
record::Node adopted_record(const datapath::Adoptable& running, store::Store& store,
                            const record::Node& defaults);

}  // namespace iscsi::iscsid
