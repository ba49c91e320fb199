// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Prices and periods of the warm storage service
/// @dev The figures of FWSS 1.2.0 as its documentation and SDK give them. Prices are in USDFC wei, times in epochs of 30 seconds.
abstract contract WarmStorageTerms {
    struct ServicePricing {
        uint256 pricePerTiBPerMonthNoCDN;
        uint256 pricePerTiBCdnEgress;
        uint256 pricePerTiBCacheMissEgress;
        address tokenAddress;
        uint256 epochsPerMonth;
        uint256 minimumPricePerMonth;
    }

    uint256 public constant STORAGE_PRICE_PER_TIB_PER_MONTH = 2.5 ether;
    /// @notice What even the smallest data set pays.
    uint256 public constant MINIMUM_PRICE_PER_MONTH = 0.06 ether;
    uint256 public constant EPOCHS_PER_MONTH = 86_400;
    /// @notice A provider is paid for thirty days after its client stops paying.
    uint256 public constant LOCKUP_PERIOD = 30 * 2880;
    uint256 internal constant LEAF_BYTES = 32;
    uint256 private constant TIB = 1 << 40;

    address public immutable usdfcTokenAddress;

    constructor(address usdfc) {
        usdfcTokenAddress = usdfc;
    }

    /// @notice What storage costs. Delivery through a network of caches (CDN) is not offered, so its prices are zero.
    function getServicePrice() external view returns (ServicePricing memory pricing) {
        return ServicePricing(
            STORAGE_PRICE_PER_TIB_PER_MONTH, 0, 0, usdfcTokenAddress, EPOCHS_PER_MONTH, MINIMUM_PRICE_PER_MONTH
        );
    }

    /// @notice Rate of a data set of `totalBytes`: leaves of 32 bytes, so fr32 padding is paid for.
    function calculateRatePerEpoch(uint256 totalBytes) public pure returns (uint256 storageRate) {
        if (totalBytes == 0) return 0;
        uint256 natural = totalBytes * STORAGE_PRICE_PER_TIB_PER_MONTH / (TIB * EPOCHS_PER_MONTH);
        uint256 minimum = MINIMUM_PRICE_PER_MONTH / EPOCHS_PER_MONTH;
        return natural > minimum ? natural : minimum;
    }
}
