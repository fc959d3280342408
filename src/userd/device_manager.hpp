// SPDX-License-Identifier: LGPL-2.1-or-later
// Brings a session's block devices in line with the LUNs its target has: scan, attach, resize,
// detach, links under /dev/disk/by-path. Blocks while it works, and its loop devices are read
// through the session itself: it lives in a thread of its own and reaches the I/O thread through
// IoSide.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "os/fd.hpp"
#include "userd/device_names.hpp"
#include "userd/fuse_export.hpp"
#include "userd/lun_scan.hpp"
#include "userlink/messages.hpp"

namespace iscsi::userd {

// What the device manager needs of the I/O thread. Calls block until that thread has served them.
class IoSide : public CommandPort {
public:
    // The volume and its file as requests will see them from now on.
    virtual void publish(std::uint32_t index, const Volume& volume, const ExportFile& file) = 0;
    // Whoever has the file open gets EIO from now on. The index is free for another volume.
    virtual void withdraw(std::uint32_t index) = 0;
    virtual void publish_status(const std::vector<userlink::LunStatus>& luns) = 0;
    virtual base::Result<os::Fd> open_file(const std::string& name) = 0;
};

class DeviceManager {
public:
    struct Identity {
        FileOwner owner;  // this session and process
        PortalName portal;
    };
    DeviceManager(IoSide& io, Identity identity) : io_(io), identity_(std::move(identity)) {}

    base::Result<userlink::RescanDone> rescan();
    // What was written to the devices goes out first. A line for each disk of which some could not.
    std::string remove_all();
    // Links for partitions that came or went since.
    void refresh_links();

private:
    struct Device {
        std::uint32_t index = 0;  // of the volume; no other LUN's as long as this one is known
        Volume volume;
        bool attached = false;
        bool made_read_only = false;  // the loop device can't be written, whatever the LUN allows
        std::uint32_t loop = 0;
        std::map<std::string, std::string> links;  // path -> target
        std::string link_problem;                  // why one of them is not there
    };

    void bring_up(scsi::Lun lun, const LunProbe& probe, userlink::RescanDone& done);
    // Ends the device for a disk that another has taken the place of. True: somebody uses it.
    bool give_up(Device& device);
    void forget_absent(const std::set<std::uint64_t>& present);
    std::uint32_t free_index() const;
    // A text tells what went wrong with this disk on this machine.
    std::string attach(Device& device);
    std::string update(Device& device, const Volume& volume);
    void make_writable(Device& device, userlink::RescanDone& done);
    std::string let_go(Device& device);
    // A text tells what was lost: with `flush` only.
    std::string detach(Device& device, bool flush);
    void remove_links(Device& device);
    void set_links(Device& device);
    ExportFile file_of(const Volume& volume) const;
    void publish_status();

    IoSide& io_;
    Identity identity_;
    std::map<std::uint64_t, Device> devices_;  // by LUN number
};

// Detaches loop devices whose process has died, and removes links that lead to them. Where that
// process ran in a pid namespace that is none of ours, the file's answer tells (loop_device.hpp).
void remove_leftovers();

}  // namespace iscsi::userd
