// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/device_manager.hpp"

#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "os/device_link.hpp"
#include "os/files.hpp"
#include "os/loop_device.hpp"
#include "os/process_identity.hpp"

namespace iscsi::userd {

using base::LogLevel;

namespace {

constexpr std::uint64_t kGranuleMost = 1u << 30;

// Whether what is at this LUN now is something else than the disk that its device's users know.
bool is_another(const Volume& known, const LunProbe& probe) {
    const Volume& now = probe.volume;
    if (!probe.present) return false;
    if (!probe.is_disk || known.vendor != now.vendor || known.product != now.product) return true;
    const bool both_known = known.ids_known && now.ids_known;
    if (both_known && (known.serial != now.serial || known.designators != now.designators)) {
        return true;
    }
    return probe.problem.empty() && known.block_bytes != now.block_bytes;
}

void add_line(std::string& lines, scsi::Lun lun, const std::string& text) {
    lines += fmt::format("{}LUN {}: {}", lines.empty() ? "" : "\n", lun.number(), text);
}

}  // namespace

ExportFile DeviceManager::file_of(const Volume& volume) const {
    ExportFile file;
    file.name = export_file_name(identity_.owner, volume.lun);
    file.bytes = volume.bytes();
    file.block_bytes = volume.block_bytes;
    // The loop driver offers discards in this unit: one that UNMAP frees as a whole.
    const bool zeroes =
        volume.discard != ZeroMethod::None || volume.write_zeros != ZeroMethod::None;
    file.granule_bytes =
        zeroes ? static_cast<std::uint32_t>(std::min<std::uint64_t>(
                     std::uint64_t{volume.unmap_granularity} * volume.block_bytes, kGranuleMost))
               : 0;
    file.read_only = volume.read_only;
    return file;
}

base::Result<userlink::RescanDone> DeviceManager::rescan() {
    ISCSI_TRY(const auto luns, report_luns(io_));
    userlink::RescanDone done;
    done.luns = static_cast<std::uint32_t>(luns.size());
    std::set<std::uint64_t> present;
    for (const scsi::Lun lun : luns) {
        const LunProbe probe = probe_lun(io_, lun);
        if (!probe.present && probe.problem.empty()) continue;
        present.insert(lun.number());
        bring_up(lun, probe, done);
        publish_status();
    }
    for (auto& [number, device] : devices_) {
        if (present.contains(number) || !device.attached) continue;
        const std::string problem = let_go(device);
        if (!problem.empty()) add_line(done.problems, device.volume.lun, problem);
    }
    forget_absent(present);
    refresh_links();
    publish_status();
    done.devices = static_cast<std::uint32_t>(
        std::ranges::count_if(devices_, [](const auto& e) { return e.second.attached; }));
    return done;
}

void DeviceManager::forget_absent(const std::set<std::uint64_t>& present) {
    for (auto entry = devices_.begin(); entry != devices_.end();) {
        if (present.contains(entry->first) || entry->second.attached) {
            ++entry;
            continue;
        }
        io_.withdraw(entry->second.index);
        entry = devices_.erase(entry);
    }
}

std::uint32_t DeviceManager::free_index() const {
    std::set<std::uint32_t> taken;
    for (const auto& [number, device] : devices_) taken.insert(device.index);
    std::uint32_t index = 0;
    while (taken.contains(index)) ++index;
    return index;
}

void DeviceManager::bring_up(scsi::Lun lun, const LunProbe& probe, userlink::RescanDone& done) {
    if (!devices_.contains(lun.number())) devices_[lun.number()].index = free_index();
    Device& device = devices_[lun.number()];
    std::string replaced;
    if (device.attached && is_another(device.volume, probe)) {
        const std::string before = os::loop_name(device.loop);
        if (give_up(device)) {
            replaced = fmt::format(
                "the target has another disk there now; {}, which is in use, was the one before "
                "and fails from now on: unmount or close it",
                before);
        }
    }
    // A disk in use stays: its unit may only be away for a moment.
    if (!probe.problem.empty()) {
        add_line(device.attached ? done.problems : done.missing, lun, probe.problem);
    }
    if (probe.is_disk && probe.problem.empty()) {
        const std::string failure = device.attached
                                        ? update(device, probe.volume)
                                        : (device.volume = probe.volume, attach(device));
        if (!failure.empty()) add_line(done.failures, lun, failure);
        if (device.attached && device.made_read_only && !probe.volume.read_only) {
            make_writable(device, done);
        }
        if (device.attached && !device.link_problem.empty()) {
            add_line(
                done.remarks, lun,
                fmt::format("{} has no link: {}", os::loop_name(device.loop), device.link_problem));
        }
    } else if (!device.attached) {
        device.volume = probe.volume;
    }
    if (replaced.empty()) return;
    if (device.attached) replaced += fmt::format("; the new one is {}", os::loop_name(device.loop));
    base::log(LogLevel::Warning, "LUN {}: {}", lun.number(), replaced);
    add_line(done.remarks, lun, replaced);
}

// Its users have data of another disk in mind: not a byte of theirs may reach this one.
bool DeviceManager::give_up(Device& device) {
    io_.withdraw(device.index);
    // An error is that of the file, which is no more: the device is in use.
    const auto unused = os::detach_loop_if_unused(device.loop);
    if (unused && *unused) {
        base::log(LogLevel::Info, "LUN {}: another disk is there now; {} is gone",
                  device.volume.lun.number(), os::loop_name(device.loop));
        remove_links(device);
        device.attached = false;
        return false;
    }
    detach(device, /*flush=*/false);  // it goes with its last user
    return true;
}

std::string DeviceManager::attach(Device& device) {
    const ExportFile file = file_of(device.volume);
    io_.publish(device.index, device.volume, file);
    auto backing = io_.open_file(file.name);
    if (!backing) return backing.error().message;
    const auto loop = os::attach_loop(backing->get(), {.block_bytes = device.volume.block_bytes,
                                                       .read_only = device.volume.read_only,
                                                       .label = file.name});
    if (!loop) return loop.error().message;
    device.attached = true;
    device.made_read_only = device.volume.read_only;
    device.loop = *loop;
    set_links(device);
    base::log(LogLevel::Info, "LUN {} is {} ({} blocks of {} bytes{})", device.volume.lun.number(),
              os::loop_name(device.loop), device.volume.blocks, device.volume.block_bytes,
              device.volume.read_only ? ", read only" : "");
    return {};
}

std::string DeviceManager::update(Device& device, const Volume& volume) {
    const Volume before = std::exchange(device.volume, volume);
    if (!volume.ids_known) {
        device.volume.serial = before.serial;
        device.volume.designators = before.designators;
        device.volume.ids_known = before.ids_known;
    }
    if (before == volume) {
        set_links(device);
        return {};
    }
    const ExportFile file = file_of(volume);
    io_.publish(device.index, volume, file);
    if (before.read_only != volume.read_only && !device.made_read_only) {
        const auto changed = os::set_loop_read_only(device.loop, volume.read_only);
        if (!changed) return changed.error().message;
    }
    if (before.blocks != volume.blocks) {
        auto backing = io_.open_file(file.name);
        if (!backing) return backing.error().message;
        const auto resized = os::refresh_loop_size(device.loop, backing->get());
        if (!resized) return resized.error().message;
        base::log(LogLevel::Info, "LUN {} ({}) has {} blocks now, before {}", volume.lun.number(),
                  os::loop_name(device.loop), volume.blocks, before.blocks);
    }
    set_links(device);
    return {};
}

// What was made read only stays so: a device is made anew, once nobody has it open.
void DeviceManager::make_writable(Device& device, userlink::RescanDone& done) {
    const auto lun = device.volume.lun;
    const auto unused = os::detach_loop_if_unused(device.loop);
    if (!unused) return add_line(done.failures, lun, unused.error().message);
    if (!*unused) {
        return add_line(done.remarks, lun,
                        fmt::format("the target allows writing now, but {} was made read only and "
                                    "is in use: unmount or close it, then rescan",
                                    os::loop_name(device.loop)));
    }
    remove_links(device);
    device.attached = false;
    const std::string failure = attach(device);
    if (!failure.empty()) add_line(done.failures, lun, failure);
}

// A unit that the target no longer reports may only be away for a moment: whoever has its device
// open keeps it, and goes on when the unit is back.
std::string DeviceManager::let_go(Device& device) {
    const auto unused = os::detach_loop_if_unused(device.loop);
    if (!unused) return unused.error().message;
    if (!*unused) {
        return fmt::format("the target no longer has it; {} stays, since it is in use",
                           os::loop_name(device.loop));
    }
    remove_links(device);
    device.attached = false;
    return {};
}

void DeviceManager::remove_links(Device& device) {
    for (const auto& [path, target] : device.links) os::remove_device_link(target, path);
    device.links.clear();
    device.link_problem.clear();
}

std::string DeviceManager::detach(Device& device, bool flush) {
    remove_links(device);
    std::string loss;
    if (flush) {
        const auto synced = os::sync_loop(device.loop);
        if (!synced) {
            loss = fmt::format("what was written last did not reach the target: {}",
                               synced.error().message);
            base::log(LogLevel::Error, "LUN {}: {}", device.volume.lun.number(), loss);
        }
    }
    const auto detached = os::detach_loop(device.loop);
    if (!detached) base::log(LogLevel::Warning, "{}", detached.error().message);
    device.attached = false;
    return loss;
}

std::string DeviceManager::remove_all() {
    std::string losses;
    for (auto& [number, device] : devices_) {
        const std::string loss = device.attached ? detach(device, /*flush=*/true) : std::string();
        if (!loss.empty()) losses += fmt::format("LUN {}: {}\n", number, loss);
    }
    devices_.clear();
    publish_status();
    return losses;
}

void DeviceManager::refresh_links() {
    for (auto& [number, device] : devices_) {
        if (device.attached) set_links(device);
    }
}

void DeviceManager::set_links(Device& device) {
    const std::string disk = os::loop_name(device.loop);
    const std::string disk_link = by_path_link(identity_.portal, device.volume.lun);
    std::map<std::string, std::string> wanted = {{disk_link, link_target(disk)}};
    for (const std::string& partition : os::loop_partitions(device.loop)) {
        if (const auto link = partition_link(disk_link, disk, partition)) {
            wanted.emplace(*link, link_target(partition));
        }
    }
    for (const auto& [path, target] : device.links) {
        if (!wanted.contains(path)) os::remove_device_link(target, path);
    }
    std::string problem;
    for (const auto& [path, target] : wanted) {
        // Another session to the same unit may have taken a link over, and taken it along.
        if (device.links.contains(path) && os::device_link_exists(path)) continue;
        const auto made = os::set_device_link(target, path);
        if (!made && problem.empty()) problem = made.error().message;
    }
    device.links = std::move(wanted);
    if (problem == device.link_problem) return;
    if (!problem.empty()) base::log(LogLevel::Warning, "{}", problem);
    device.link_problem = std::move(problem);
}

void DeviceManager::publish_status() {
    std::vector<userlink::LunStatus> luns;
    for (const auto& [number, device] : devices_) {
        userlink::LunStatus status;
        status.lun = number;
        status.peripheral_type = device.volume.peripheral_type;
        if (device.attached) status.block_device = os::loop_name(device.loop);
        status.vendor = device.volume.vendor;
        status.product = device.volume.product;
        status.revision = device.volume.revision;
        status.serial = device.volume.serial;
        status.block_count = device.volume.blocks;
        status.block_bytes = device.volume.block_bytes;
        status.read_only = device.volume.read_only;
        luns.push_back(std::move(status));
    }
    io_.publish_status(luns);
}

// Of a process that has died: true once it has been dealt with.
static bool remove_if_left(const os::AttachedLoop& loop, const FileOwner& owner) {
    const std::string name = os::loop_name(loop.number);
    const os::ProcessIdentity process{
        .pid_namespace = owner.pid_namespace, .pid = owner.pid, .start_ticks = owner.start_ticks};
    if (!os::is_within_sight(process)) {
        if (!os::detach_loop_if_forsaken(loop)) return false;
        base::log(LogLevel::Info, "detached {}: session {} of another container has died", name,
                  owner.sid);
        return true;
    }
    if (!os::has_ended(process)) return false;
    base::log(LogLevel::Info, "detaching {}: session {} has died", name, owner.sid);
    const auto detached = os::detach_loop(loop.number);
    if (!detached) base::log(LogLevel::Warning, "{}", detached.error().message);
    return true;
}

void remove_leftovers() {
    constexpr const char* kByPath = "/dev/disk/by-path";
    std::set<std::string> dead;
    for (const auto& loop : os::attached_loops()) {
        const auto owner = owner_of_backing_file(loop.backing_file);
        if (owner && remove_if_left(loop, *owner)) {
            dead.insert(link_target(os::loop_name(loop.number)));
        }
    }
    if (dead.empty()) return;
    const auto entries = os::system_files().list(kByPath);
    if (!entries) return;
    for (const auto& entry : *entries) {
        const std::string path = fmt::format("{}/{}", kByPath, entry.name);
        const auto target = os::system_files().read_link(path);
        if (!target || !entry.name.starts_with("ip-")) continue;
        // "../../loop3p1" belongs to "../../loop3".
        const bool leads_there = std::ranges::any_of(dead, [&](const std::string& disk) {
            return *target == disk || target->starts_with(disk + "p");
        });
        if (leads_there) os::remove_device_link(*target, path);
    }
}

}  // namespace iscsi::userd
