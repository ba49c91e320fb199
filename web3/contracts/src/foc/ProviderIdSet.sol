// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

/// @title A set of provider ids that its owner vouches for
/// @notice The SDK takes the first copy of a piece only to an endorsed provider.
contract ProviderIdSet is Ownable {
    using EnumerableSet for EnumerableSet.UintSet;

    error ProviderIdNotFound(uint256 providerId);

    EnumerableSet.UintSet private _ids;

    constructor() Ownable(msg.sender) {}

    /// @notice Adding an id that is there already changes nothing.
    function addProviderId(uint256 providerId) external onlyOwner {
        _ids.add(providerId);
    }

    function removeProviderId(uint256 providerId) external onlyOwner {
        if (!_ids.remove(providerId)) revert ProviderIdNotFound(providerId);
    }

    function containsProviderId(uint256 providerId) external view returns (bool) {
        return _ids.contains(providerId);
    }

    function getProviderIds() external view returns (uint256[] memory) {
        return _ids.values();
    }
}
