// SPDX-License-Identifier: LGPL-2.1-or-later
// Finds out which logical units a target has and what each is like. Straight-line code over a port
// that executes one command at a time; used by the set-up thread, tested with a model disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "scsi/data.hpp"
#include "scsi/verdict.hpp"
#include "userd/volume.hpp"

namespace iscsi::userd {

class CommandPort {
public:
    struct Reply {
        int error_number = 0;   // 0: the command succeeded; transient failures were tried again
        std::size_t bytes = 0;  // of read_into
        std::optional<scsi::Sense> sense;
    };
    virtual ~CommandPort() = default;
    virtual Reply execute(const Command& command) = 0;
};

inline constexpr std::size_t kLunsMax = 4096;  // more are left alone

// The LUNs the target reports, ascending, without well-known ones. A target that does not know
// REPORT LUNS has LUN 0.
base::Result<std::vector<scsi::Lun>> report_luns(CommandPort& port);

struct LunProbe {
    bool present = false;  // something answers there
    bool is_disk = false;
    Volume volume;        // identity always; size and limits when is_disk and no problem
    std::string problem;  // why a disk cannot be offered; empty: it can
};
LunProbe probe_lun(CommandPort& port, scsi::Lun lun);

}  // namespace iscsi::userd
