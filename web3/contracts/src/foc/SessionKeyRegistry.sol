// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Keys that may sign for another account, for a while and for named purposes
contract SessionKeyRegistry {
    event AuthorizationsUpdated(
        address indexed identity, address signer, uint256 expiry, bytes32[] permissions, string origin
    );

    /// @notice The signer could not be given the FIL that came with the call.
    error FundingFailed(address signer);

    /// @notice Unix time until which `signer` may sign for `user` what `permission` (an EIP-712 type hash) names.
    mapping(address user => mapping(address signer => mapping(bytes32 permission => uint256))) public
        authorizationExpiry;

    /// @notice Lets `signer` sign for the caller until `expiry`.
    function login(address signer, uint256 expiry, bytes32[] calldata permissions, string calldata origin) external {
        _set(signer, expiry, permissions, origin);
    }

    /// @notice The same, and sends the signer what came with the call.
    function loginAndFund(address signer, uint256 expiry, bytes32[] calldata permissions, string calldata origin)
        external
        payable
    {
        _set(signer, expiry, permissions, origin);
        (bool sent,) = signer.call{value: msg.value}("");
        if (!sent) revert FundingFailed(signer);
    }

    /// @notice Takes permissions back at once.
    function revoke(address signer, bytes32[] calldata permissions, string calldata origin) external {
        _set(signer, 0, permissions, origin);
    }

    function _set(address signer, uint256 expiry, bytes32[] calldata permissions, string calldata origin) private {
        for (uint256 i = 0; i < permissions.length; i++) {
            authorizationExpiry[msg.sender][signer][permissions[i]] = expiry;
        }
        emit AuthorizationsUpdated(msg.sender, signer, expiry, permissions, origin);
    }
}
