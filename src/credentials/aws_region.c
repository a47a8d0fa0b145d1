/* SPDX-License-Identifier: MIT */
#include "credentials/aws_region.h"

#include <stddef.h>
#include <string.h>

const char *aws_region_domain(const char *region)
{
    static const struct {
        const char *prefix; /* of the regions of a partition */
        const char *domain;
    } partitions[] = {
        { "cn-", "amazonaws.com.cn" },    { "eusc-", "amazonaws.eu" },
        { "us-iso-", "c2s.ic.gov" },      { "us-isob-", "sc2s.sgov.gov" },
        { "us-isof-", "csp.hci.ic.gov" }, { "eu-isoe-", "cloud.adc-e.uk" },
    };
    size_t i;

    for (i = 0; i < sizeof(partitions) / sizeof(*partitions); i++) {
        if (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) == 0)
            return partitions[i].domain;
    }
    return "amazonaws.com";
}

bool aws_region_is_valid(const char *region)
{
    size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len && len <= AWS_REGION_MAX && !region[len] && region[0] != '-' &&
           region[len - 1] != '-';
}
