// SPDX-License-Identifier: LGPL-2.1-or-later
#include "userd/device_names.hpp"

#include <gtest/gtest.h>

namespace iscsi::userd {
namespace {

const scsi::Lun kLun1 = scsi::Lun::from_number(1);

TEST(DeviceNames, LinksAreNamedAsUdevNamesKernelDisks) {
    EXPECT_EQ(by_path_link({"192.0.2.7", 3260, "iqn.2026-11.org.example:disk1"}, kLun1),
              "/dev/disk/by-path/ip-192.0.2.7:3260-iscsi-iqn.2026-11.org.example:disk1-lun-1");
    EXPECT_EQ(by_path_link({"2001:db8::1", 3261, "iqn.x"}, scsi::Lun::from_number(0x4100)),
              "/dev/disk/by-path/ip-2001:db8::1:3261-iscsi-iqn.x-lun-0x4100000000000000");
}

TEST(DeviceNames, ANameCannotLeaveItsDirectory) {
    EXPECT_EQ(by_path_link({"fe80::1%eth0", 3260, "iqn.x/../../y z"}, kLun1),
              "/dev/disk/by-path/ip-fe80::1_eth0:3260-iscsi-iqn.x_.._.._y_z-lun-1");
}

TEST(DeviceNames, PartitionsFollowTheirDisk) {
    EXPECT_EQ(partition_link("/d/x-lun-1", "loop3", "loop3p12"), "/d/x-lun-1-part12");
    EXPECT_EQ(partition_link("/d/x-lun-1", "loop3", "loop30"), std::nullopt);
    EXPECT_EQ(partition_link("/d/x-lun-1", "loop3", "loop4p1"), std::nullopt);
    EXPECT_EQ(link_target("loop3p12"), "../../loop3p12");
}

TEST(DeviceNames, ABackingFileTellsItsSessionAndProcess) {
    const FileOwner owner{
        .sid = 1'000'001, .pid_namespace = 4026531836, .pid = 4015, .start_ticks = 12345};
    const std::string name = export_file_name(owner, kLun1);
    EXPECT_EQ(name, "iscsi-1000001-lun-1.4026531836.4015.12345");
    EXPECT_EQ(owner_of_backing_file("/" + name), owner);
    EXPECT_EQ(owner_of_backing_file("/" + name + " (deleted)"), owner);
}

TEST(DeviceNames, OtherPeoplesFilesHaveNoOwner) {
    for (const char* path :
         {"/srv/iscsi-disk.img", "/iscsi-7-lun-x.1.2.3", "/iscsi-7-lun-1", "/iscsi-7-lun-1.1.2",
          "/iscsi-7-lun-1.1.2.x", "/iscsi-x-lun-1.1.2.3", "/iscsi-7-lun-1.1.2.3.4", "/disk.img"}) {
        EXPECT_EQ(owner_of_backing_file(path), std::nullopt) << path;
    }
}

}  // namespace
}  // namespace iscsi::userd
